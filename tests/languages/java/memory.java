import java.util.*;

public class Hog {
  public static void main(String[] args) {
    List<byte[]> blocks = new ArrayList<>();
    while (true) blocks.add(new byte[1 << 20]);
  }
}
