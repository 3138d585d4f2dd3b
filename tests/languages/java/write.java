import java.nio.file.*;

public class Write {
  public static void main(String[] args) throws Exception {
    Files.writeString(Path.of("out.txt"), "written\n");
  }
}
