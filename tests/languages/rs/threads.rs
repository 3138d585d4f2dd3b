use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;

fn main() {
    let total = Arc::new(AtomicI32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let total = total.clone();
            std::thread::spawn(move || {
                for _ in 0..1000 {
                    total.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    println!("{}", total.load(Ordering::SeqCst));
}
