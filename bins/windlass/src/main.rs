//! From a merged commit to the new build provably serving on Amazon ECS

fn main() {}
