#[path = "../../support/uris.rs"]
mod uris;
use banyan::pattern::PatternMap;
use banyan::wamp::Policy;
use uris::*;
#[inline(never)]
fn qloop(map: &PatternMap<[u64; 5]>, q: &Texts, rounds: usize) -> usize {
    let mut hits = 0;
    for _ in 0..rounds {
        for u in q.iter() {
            hits += map.best(u).is_some() as usize
        }
    }
    hits
}
fn main() {
    let n = 10000;
    let mut map = PatternMap::<[u64; 5]>::new(seed());
    for i in 0..n {
        let (p, j) = mixed(i);
        map.insert(p, &pattern(p, j), [i; 5]).unwrap();
    }
    let mut pop = Popularity::new(7, n, true);
    let which = std::env::args().nth(1).unwrap();
    let rounds = std::env::args().nth(2).unwrap().parse().unwrap();
    let q = match &which[..] {
        "hostile" => {
            for i in 0..102_400 {
                let _ = map.insert(Policy::Wildcard, &hostile_masks(i), [0; 5]);
            }
            Texts::of((0..10).map(|_| ["a"; 12].join(".")))
        }
        "miss" => Texts::of((0..1000).map(|_| missing(pop.next()))),
        p => {
            let policy = Policy::from_wire(p).unwrap();
            Texts::of((0..1000).map(|_| {
                loop {
                    let (p, j) = mixed(pop.next());
                    if p == policy {
                        break reaching(p, j);
                    }
                }
            }))
        }
    };
    let t = std::time::Instant::now();
    println!("{}", qloop(&map, &q, rounds));
    println!("{} ns", t.elapsed().as_nanos() as f64 / 1000. / rounds as f64);
}
