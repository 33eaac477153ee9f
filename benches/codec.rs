//! Question: what does one message cost to decode, to encode, and a payload to change its encoding?
//!
//! Unit: time per message (or payload), one thread, everything in cache. The payload is a list with one string of 16,
//! 256 or 4096 bytes and, in `mixed`, a list of small values of every kind of the same size. Left out: framing,
//! sockets, routing, the allocation of the output buffer (it is reused) and cache misses, which a router under load
//! has.

#![expect(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;
use std::time::Duration;

use banyan::codec::{Limits, Writer, decode, encode, transcode};
use banyan::wamp::{Encoding, EventDetails, Id, InvocationDetails, Payload, ResultDetails, RouterMessage};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 3] = [16, 256, 4096];
/// An id as global-scope ids are: wide in every encoding.
const WIDE: u64 = 5_512_315_355_876_123;

fn wide_id() -> Id {
    Id::new(WIDE).unwrap_or(Id::MIN)
}

/// A list with one string of `size` bytes.
fn text_args(encoding: Encoding, size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(encoding, &mut out);
    writer.begin_list(1);
    writer.text(&"x".repeat(size));
    writer.end_list();
    out
}

/// A list of maps, numbers and short strings, about `size` bytes.
fn mixed_args(encoding: Encoding, size: usize) -> Vec<u8> {
    let rows = size.div_ceil(32);
    let mut out = Vec::new();
    let mut writer = Writer::new(encoding, &mut out);
    writer.begin_list(rows);
    for row in 0..rows as u64 {
        writer.begin_map(3);
        writer.text("id");
        writer.uint(row * 1000);
        writer.text("name");
        writer.text("sensor-7");
        writer.text("on");
        writer.bool(row % 2 == 0);
        writer.end_map();
    }
    writer.end_list();
    out
}

/// `[code, request, {}, uri?, args?]`.
fn request(encoding: Encoding, code: u64, uri: Option<&str>, args: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(encoding, &mut out);
    writer.begin_list(3 + usize::from(uri.is_some()) + usize::from(!args.is_empty()));
    writer.uint(code);
    writer.uint(70_000);
    writer.begin_map(0);
    writer.end_map();
    if let Some(uri) = uri {
        writer.text(uri);
    }
    if !args.is_empty() {
        if encoding == Encoding::Json {
            out.push(b',');
        }
        out.extend_from_slice(args);
    }
    if encoding == Encoding::Json {
        out.push(b']');
    }
    out
}

fn decoding(criterion: &mut Criterion) {
    let uri = Some("com.example.shop.order");
    for encoding in Encoding::ALL {
        let mut group = criterion.benchmark_group(format!("decode/{}", encoding.as_str()));
        decode_one(&mut group, "register".to_owned(), encoding, &request(encoding, 64, uri, &[]));
        for size in SIZES {
            let (text, mixed) = (text_args(encoding, size), mixed_args(encoding, size));
            decode_one(&mut group, format!("call/{size}"), encoding, &request(encoding, 48, uri, &text));
            decode_one(&mut group, format!("call-mixed/{size}"), encoding, &request(encoding, 48, uri, &mixed));
            decode_one(&mut group, format!("yield/{size}"), encoding, &request(encoding, 70, None, &text));
            decode_one(&mut group, format!("publish/{size}"), encoding, &request(encoding, 16, uri, &text));
        }
    }
}

fn decode_one(group: &mut BenchmarkGroup<'_, WallTime>, name: String, encoding: Encoding, bytes: &[u8]) {
    let limits = Limits::default();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| black_box(decode(encoding, black_box(bytes), &limits)).is_ok());
    });
}

fn encoding(criterion: &mut Criterion) {
    let (request, registration) = (Id::MIN, wide_id());
    for encoding in Encoding::ALL {
        let mut group = criterion.benchmark_group(format!("encode/{}", encoding.as_str()));
        encode_one(&mut group, "registered".to_owned(), encoding, &RouterMessage::Registered { request, registration });
        for size in SIZES {
            let args = text_args(encoding, size);
            let payload = Payload { encoding, args: &args, kwargs: &[] };
            let details = InvocationDetails::default();
            let invocation = RouterMessage::Invocation { request, registration, details, payload };
            encode_one(&mut group, format!("invocation/{size}"), encoding, &invocation);
            let result = RouterMessage::Result { request, details: ResultDetails::default(), payload };
            encode_one(&mut group, format!("result/{size}"), encoding, &result);
            let details = EventDetails::default();
            let event =
                RouterMessage::Event { subscription: registration, publication: registration, details, payload };
            encode_one(&mut group, format!("event/{size}"), encoding, &event);
        }
    }
}

fn encode_one(group: &mut BenchmarkGroup<'_, WallTime>, name: String, encoding: Encoding, message: &RouterMessage<'_>) {
    let mut out = Vec::new();
    encode(encoding, message, &mut out);
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(encoding, black_box(message), &mut out);
            black_box(out.len())
        });
    });
}

fn transcoding(criterion: &mut Criterion) {
    for from in Encoding::ALL {
        for to in Encoding::ALL.into_iter().filter(|&to| to != from) {
            let mut group = criterion.benchmark_group(format!("transcode/{}-{}", from.as_str(), to.as_str()));
            for size in SIZES {
                transcode_one(&mut group, format!("text/{size}"), from, &text_args(from, size), to);
                transcode_one(&mut group, format!("mixed/{size}"), from, &mixed_args(from, size), to);
            }
        }
    }
}

fn transcode_one(group: &mut BenchmarkGroup<'_, WallTime>, name: String, from: Encoding, value: &[u8], to: Encoding) {
    let mut out = Vec::new();
    group.throughput(Throughput::Bytes(value.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            out.clear();
            transcode(from, black_box(value), to, &mut out);
            black_box(out.len())
        });
    });
}

fn short() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(500))
}

criterion_group! {
    name = benches;
    config = short();
    targets = decoding, encoding, transcoding
}
criterion_main!(benches);
