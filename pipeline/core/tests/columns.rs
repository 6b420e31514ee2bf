//! Frames into columns: whole or not at all, and no input panics.

use grantline_core::column::Kind;
use grantline_core::columns::Columns;
use grantline_core::layout::{Field, Layout};
use proptest::prelude::*;

const FIELDS: [(&str, Kind, bool); 11] = [
    ("span_id", Kind::Text, false),
    ("trace_id", Kind::Text, false),
    ("time", Kind::Number, false),
    ("received", Kind::Number, false),
    ("root_id", Kind::Text, true),
    ("token_fingerprint", Kind::Text, true),
    ("token_parent_fingerprint", Kind::Text, true),
    ("failed", Kind::Truth, false),
    ("flags", Kind::List, false),
    ("task_granted_at", Kind::Number, true),
    ("chain_key", Kind::Text, true),
];

fn columns() -> Columns {
    let field = |&(name, kind, optional): &(&str, Kind, bool)| Field {
        name: name.to_owned(),
        kind,
        optional,
    };
    let Ok(layout) = Layout::new(FIELDS.iter().map(field).collect()) else {
        unreachable!("all that is looked for is among FIELDS")
    };
    let copies = vec!["root_withdrawn".to_owned()];
    Columns::new(layout, copies, "root_resolved".to_owned())
}

/// What a test says of a hop.
#[derive(Clone, Debug)]
struct Hop {
    span: u64,
    time: i64,
    root: Option<String>,
    flags: Vec<String>,
    chain: Option<String>,
}

fn hops() -> impl Strategy<Value = Vec<Hop>> {
    let flag = prop::sample::select(vec!["late", "root_resolved", "root_withdrawn"]);
    let hop = (
        0_u64..4,
        prop_oneof![Just(i64::MIN), -40_i64..70_000, Just(i64::MAX)],
        prop::option::of(".{0,40}"),
        prop::collection::vec(flag.prop_map(str::to_owned), 0..3),
        prop::option::of(Just("gap tok:x".to_owned())),
    )
        .prop_map(|(span, time, root, flags, chain)| Hop { span, time, root, flags, chain });
    prop::collection::vec(hop, 0..20)
}

fn text(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.push(0xc0) };
    out.push(0xda);
    out.extend(u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
    out.extend(text.as_bytes());
}

fn number(out: &mut Vec<u8>, number: i64) {
    out.push(0xd3);
    out.extend(number.to_be_bytes());
}

fn array(out: &mut Vec<u8>, count: usize) {
    out.push(0xdc);
    out.extend(u16::try_from(count).unwrap_or(0).to_be_bytes());
}

fn frame(hops: &[Hop]) -> Vec<u8> {
    let mut out = vec![0x92, 1];
    array(&mut out, hops.len());
    for hop in hops {
        array(&mut out, FIELDS.len());
        text(&mut out, Some(&format!("{:016x}", hop.span)));
        text(&mut out, Some(&"a".repeat(32)));
        number(&mut out, hop.time);
        number(&mut out, 0);
        text(&mut out, hop.root.as_deref());
        text(&mut out, Some(&format!("sha256:{}", "b".repeat(64))));
        text(&mut out, None);
        out.push(0xc3);
        array(&mut out, hop.flags.len());
        hop.flags.iter().for_each(|flag| text(&mut out, Some(flag)));
        out.push(0xc0);
        text(&mut out, hop.chain.as_deref());
    }
    out
}

/// Rows, keys, buffers, passing and repeated rows: all that Python can see.
type Seen = (usize, Vec<u8>, Vec<Vec<Vec<u8>>>, Vec<usize>, Vec<(usize, usize)>);

fn seen(columns: &Columns) -> Seen {
    let buffers = |column: &grantline_core::column::Column| {
        column.buffers().into_iter().map(<[u8]>::to_vec).collect()
    };
    (
        columns.rows(),
        columns.keys().to_vec(),
        columns.columns().iter().map(buffers).collect(),
        columns.passing().to_vec(),
        columns.repeated().to_vec(),
    )
}

fn passes(hop: &Hop) -> bool {
    hop.flags.iter().any(|flag| flag == "root_withdrawn")
        || (hop.chain.is_some() && hop.root.is_none())
}

#[test]
fn a_missing_field_is_named() {
    assert!(Layout::new(Vec::new()).is_err_and(|why| why.contains("span_id")));
}

proptest! {
    #[test]
    fn a_frame_is_taken_row_by_row(one in hops(), other in hops()) {
        let mut columns = columns();
        prop_assert!(columns.add(&frame(&one)).is_ok());
        prop_assert!(columns.add(&frame(&other)).is_ok());
        let all: Vec<Hop> = one.into_iter().chain(other).collect();
        prop_assert_eq!(columns.rows(), all.len());
        let places = |wanted: bool| {
            all.iter().enumerate().filter(move |(_, hop)| passes(hop) == wanted)
        };
        let passing: Vec<usize> = places(true).map(|(row, _)| row).collect();
        prop_assert_eq!(columns.passing(), passing);
        let mut again = Vec::new();
        for (row, hop) in places(false) {
            let same = |(_, known): &(usize, &Hop)| (known.span, known.time) == (hop.span, hop.time);
            let first = places(false).find(same).map(|(row, _)| row);
            let found = columns.find(&"a".repeat(32), &format!("{:016x}", hop.span), hop.time);
            prop_assert_eq!(found, first);
            again.extend(first.filter(|first| *first != row).map(|first| (row, first)));
        }
        prop_assert_eq!(columns.repeated(), again);
        for (row, hop) in all.iter().enumerate() {
            let rooted = columns.rooted(row);
            prop_assert_eq!(rooted.and_then(|found| found.root_id), hop.root.as_deref());
            prop_assert_eq!(rooted.map(|found| found.time), Some(hop.time));
            let resolved = hop.flags.iter().any(|flag| flag == "root_resolved");
            prop_assert_eq!(rooted.map(|found| found.resolved), Some(resolved));
        }
        prop_assert_eq!(columns.rooted(all.len()), None);
    }

    #[test]
    fn of_a_bent_frame_nothing_is_taken_or_all(
        before in hops(),
        bent in hops(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut columns = columns();
        prop_assert!(columns.add(&frame(&before)).is_ok());
        let known = seen(&columns);
        let mut bytes = frame(&bent);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(place) = cut {
            bytes.truncate(place.index(bytes.len()));
        }
        if columns.add(&bytes).is_err() {
            prop_assert_eq!(seen(&columns), known);
        }
        prop_assert!(columns.add(&frame(&before)).is_ok());
    }

    #[test]
    fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut columns = columns();
        let known = seen(&columns);
        let mut framed = vec![0x92, 1];
        framed.extend(&bytes);
        for record in [&bytes, &framed] {
            if columns.add(record).is_err() {
                prop_assert_eq!(&seen(&columns), &known);
            }
        }
    }
}
