interface Shape {
  String name();
}

record Circle(int radius) implements Shape {
  public String name() { return "circle"; }
}

class App {
  static class Inner {}

  public static void main(String[] args) {
    System.out.println(new Circle(3).name() + " " + new Circle(3).radius());
  }
}
