import java.util.*;
import java.util.concurrent.atomic.*;

public class Threads {
  public static void main(String[] args) throws Exception {
    AtomicInteger total = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Thread thread = new Thread(() -> {
        for (int n = 0; n < 1000; n++) total.incrementAndGet();
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
    System.out.println(total);
  }
}
