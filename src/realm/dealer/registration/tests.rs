use super::{Callee, Choice, Registration};
use crate::wamp::{Invoke, RegisterOptions};

fn callee(member: u32, concurrency: Option<u32>) -> Callee {
    let options = RegisterOptions { concurrency, ..RegisterOptions::default() };
    Callee::new(member, 0, &options, false)
}

/// A registration of members 0, 1, 2 and so on; tickets are the same numbers.
fn shared(invoke: Invoke, limits: &[Option<u32>]) -> Registration {
    let mut registration = Registration::new(0, invoke, callee(0, limits[0]));
    for (limit, member) in limits.iter().zip(0..).skip(1) {
        registration.join(callee(member, *limit));
    }
    registration
}

fn next(registration: &mut Registration, random: &mut fastrand::Rng) -> Choice {
    let choice = registration.choose(&[], random);
    if let Choice::Callee { ticket, .. } = choice {
        registration.callee_mut(ticket).expect("chosen").occupy();
    }
    choice
}

fn member(choice: Choice) -> u32 {
    match choice {
        Choice::Callee { member, .. } => member,
        other => panic!("{other:?}"),
    }
}

/// SHR-5, SHR-6: in the order of joining, from the first; whoever leaves, nobody is skipped or repeated.
#[test]
fn round_robin_is_fair_while_callees_come_and_go() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut registration = shared(Invoke::RoundRobin, &[None; 4]);
    let mut turn = |registration: &mut Registration| member(next(registration, &mut random));
    assert_eq!([turn(&mut registration), turn(&mut registration)], [0, 1]);
    registration.leave(0);
    assert_eq!(turn(&mut registration), 2);
    registration.leave(3);
    assert_eq!([turn(&mut registration), turn(&mut registration)], [1, 2]);
    registration.join(callee(7, None));
    assert_eq!([turn(&mut registration), turn(&mut registration), turn(&mut registration)], [7, 1, 2]);
}

/// SHR-5: a callee that served alone does not go first again when a second one joins.
#[test]
fn the_turn_survives_the_second_callee() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut registration = shared(Invoke::RoundRobin, &[None]);
    assert_eq!(member(next(&mut registration, &mut random)), 0);
    registration.join(callee(1, None));
    assert_eq!(member(next(&mut registration, &mut random)), 1);
    assert_eq!(member(next(&mut registration, &mut random)), 0);
}

/// SHR-5, SHR-6.
#[test]
fn first_and_last_are_the_oldest_and_the_newest_still_attached() {
    let mut random = fastrand::Rng::with_seed(1);
    for (invoke, members) in [(Invoke::First, [0, 2]), (Invoke::Last, [3, 2])] {
        let mut registration = shared(invoke, &[None; 4]);
        assert_eq!(member(next(&mut registration, &mut random)), members[0]);
        registration.leave(1);
        registration.leave(u64::from(members[0]));
        assert_eq!(member(next(&mut registration, &mut random)), members[1], "{invoke:?}");
    }
}

/// SHR-5, LIM-2: uniform over those that have room, also where most are full or gone.
#[test]
fn random_is_uniform_over_the_free() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut limits = [Some(1); 40];
    (limits[5], limits[20], limits[21]) = (None, None, None);
    let mut registration = shared(Invoke::Random, &limits);
    for ticket in (0..40).filter(|ticket| ![5, 20, 21].contains(ticket)) {
        registration.callee_mut(ticket).expect("there").occupy();
    }
    registration.leave(20);
    let mut counts = [0_u32; 40];
    for _ in 0..10_000 {
        counts[member(registration.choose(&[], &mut random)) as usize] += 1;
    }
    assert!((4_700..5_300).contains(&counts[5]) && counts[5] + counts[21] == 10_000, "{counts:?}");
}

/// LIM-2, LIM-4, D-40: every policy keeps the limit; only round robin and random look further.
#[test]
fn full_callees_are_passed_over_or_refused() {
    let mut random = fastrand::Rng::with_seed(1);
    for (invoke, calls) in [(Invoke::First, 1), (Invoke::Last, 1), (Invoke::RoundRobin, 3), (Invoke::Random, 3)] {
        let mut registration = shared(invoke, &[Some(1); 3]);
        let taken: Vec<u32> = (0..calls).map(|_| member(next(&mut registration, &mut random))).collect();
        assert_eq!(next(&mut registration, &mut random), Choice::Full, "{invoke:?}");
        registration.callee_mut(u64::from(taken[0])).expect("there").release();
        assert_eq!(member(next(&mut registration, &mut random)), taken[0], "{invoke:?}");
    }
    let mut single = shared(Invoke::Single, &[Some(2)]);
    assert_eq!([next(&mut single, &mut random), next(&mut single, &mut random)].map(member), [0, 0]);
    assert_eq!(next(&mut single, &mut random), Choice::Full);
}

/// CID-6, CID-7: after those that handed the call back come the others, each once.
#[test]
fn those_tried_are_left_out() {
    let mut random = fastrand::Rng::with_seed(1);
    for (invoke, order) in [(Invoke::First, [0, 1, 2]), (Invoke::Last, [2, 1, 0]), (Invoke::RoundRobin, [0, 1, 2])] {
        let mut registration = shared(invoke, &[None; 3]);
        let mut tried = Vec::new();
        for expected in order {
            let found = member(registration.choose(&tried, &mut random));
            assert_eq!(found, expected, "{invoke:?}");
            tried.push(u64::from(found));
        }
        assert_eq!(registration.choose(&tried, &mut random), Choice::Nobody);
    }
}

/// RMA-13: callees in order of joining, whoever left, against a plain list; vacancies are swept.
#[test]
fn callees_keep_the_order_of_joining() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut registration = shared(Invoke::First, &[None]);
    let mut twin: Vec<(u64, u32)> = vec![(0, 0)];
    for ticket in 1..5_000 {
        let member = ticket as u32;
        registration.join(callee(member, None));
        twin.push((ticket, member));
        while twin.len() > 1 && random.u8(..100) < 55 {
            let (gone, member) = twin.remove(random.usize(..twin.len()));
            registration.leave(gone);
            assert_eq!(registration.ticket_of(member), None);
        }
        assert_eq!(registration.count(), twin.len(), "seed {seed}");
        let from = random.u64(..=ticket);
        let listed = registration.callees_from(from).map(|(ticket, callee)| (ticket, callee.member));
        assert!(listed.eq(twin.iter().copied().filter(|(ticket, _)| *ticket >= from)), "seed {seed}");
    }
}

/// Issue 4.2: what millions of single registrations cost each.
#[test]
fn a_registration_is_small() {
    assert!(size_of::<Registration>() <= 40, "{}", size_of::<Registration>());
}
