fn main() {
    for _ in 0..5 << 10 {
        println!("{}", "x".repeat(1023));
    }
}
