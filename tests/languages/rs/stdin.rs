use std::io::BufRead;

fn main() {
    let sum: i32 = std::io::stdin().lock().lines().map(|line| line.unwrap().parse::<i32>().unwrap()).sum();
    println!("{sum}");
}
