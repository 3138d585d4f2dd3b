public class Output {
  public static void main(String[] args) {
    for (int i = 0; i < 5 << 10; i++) System.out.println("x".repeat(1023));
  }
}
