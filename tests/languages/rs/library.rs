#![crate_type = "lib"]

fn main() {
    println!("still a program");
}
