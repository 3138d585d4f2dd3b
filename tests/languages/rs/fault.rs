fn main() {
    let numbers: Vec<i32> = std::env::args().map(|_| 1).collect();
    println!("{}", numbers[7]);
}
