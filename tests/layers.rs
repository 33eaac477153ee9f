//! The arrows of the house: imports go from a higher room to a lower one, and the pure rooms stay pure. Reads `src`
//! as text.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms and their layers. A name that is missing here fails the test, so that no room goes without a layer.
const ROOMS: [(&str, u8); 12] = [
    ("wamp", 1),
    ("codec", 2),
    ("pattern", 2),
    ("session", 3),
    ("realm", 3),
    ("shard", 4),
    ("transport", 5),
    ("config", 6),
    ("logging", 6),
    ("server", 7),
    ("main", 8),
    ("lib", 8),
];

/// What rooms 1 to 3 do without: clocks, sockets, locks, threads, randomness without a seed, files and logs.
const IMPURE: [&str; 21] = [
    "std::time",
    "Instant",
    "SystemTime",
    "std::net",
    "std::os",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "thread_local",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "Atomic",
    "RandomState",
    "tokio",
    "socket2",
    "parking_lot",
    "crossbeam",
    "log::",
];

fn layer(room: &str) -> u8 {
    let known = ROOMS.iter().find(|(name, _)| *name == room);
    known.unwrap_or_else(|| panic!("room `{room}` has no layer: tell tests/layers.rs where it stands")).1
}

/// Every source file with the room it lies in.
fn sources() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        gather(&room, &path, &mut found);
    }
    assert!(found.len() > 50, "the sources are not where they were: {} files", found.len());
    found
}

fn gather(room: &str, path: &Path, found: &mut Vec<(String, PathBuf)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            gather(room, &entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push((room.to_owned(), path.to_owned()));
    }
}

/// The code of a file: no comments, no literal text. Tests count, for they may not break the walls either.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| without_text(line.split("//").next().unwrap()) + "\n").collect()
}

fn without_text(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// The rooms that a text names as `crate::room`, also in `use crate::{room, ...}`.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let behind = &code[at + "crate::".len()..];
        match behind.strip_prefix('{') {
            Some(group) => rooms.extend(names_of_group(group)),
            None => rooms.extend(name(behind)),
        }
    }
    rooms
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first names of a group's members, one level deep.
fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut expecting) = (1, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expecting = true,
            c if expecting && !c.is_whitespace() => {
                names.extend(name(&group[at..]));
                expecting = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Imports go from a higher number to a lower, never between equals; a room may name itself.
#[test]
fn imports_point_down() {
    let mut broken = Vec::new();
    for (room, path) in sources() {
        for import in imports(&code(&path)) {
            if import != room && layer(&import) >= layer(&room) {
                broken.push(format!("{}: `{room}` imports `{import}`", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The core is a machine without hands: any history replays.
#[test]
fn rooms_one_to_three_touch_no_clock_socket_or_lock() {
    let mut broken = Vec::new();
    for (room, path) in sources().into_iter().filter(|(room, _)| layer(room) <= 3) {
        let code = code(&path);
        for impure in IMPURE.into_iter().filter(|impure| code.contains(impure)) {
            broken.push(format!("{}: `{room}` uses `{impure}`", path.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Every room but the two roots is named in the crate's map.
#[test]
fn the_map_names_every_room() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (room, _) in ROOMS.into_iter().filter(|(_, layer)| *layer < 8) {
        assert!(map.contains(&format!("[`{room}`]")), "{room}");
    }
}

#[test]
fn this_test_reads_imports() {
    let text = "use crate::wamp::{Id, Uri};\nuse crate::{codec::{a, b}, realm};\nfn f() -> crate::shard::X {}";
    assert_eq!(imports(text), ["wamp", "codec", "realm", "shard"]);
    assert_eq!(without_text("a(\"crate::x\", b)"), "a(, b)");
}
