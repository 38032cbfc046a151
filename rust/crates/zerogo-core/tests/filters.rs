//! Filters: the scenarios of docs/PROTOCOL.md, section 13, that the Python implementation is held to as well, and where a
//! plane asks its gate.

mod harness;

use harness::{ALL, carry, pair};
use serde_json::Value;
use zerogo_core::aead::Suite;
use zerogo_core::counter::Counter;
use zerogo_core::gate::{Direction, Filter, Gate, Rule};
use zerogo_core::packet::{TCP, UDP};
use zerogo_core::prefix::Prefix;
use zerogo_core::subject::subject_of;
use zerogo_core::time::SECOND;
use zerogo_core::verbs::Verb;
use zerogo_core::vnet::{GSO_TCPV4, NEEDS_CHECKSUM, VNET_BYTES, Vnet};

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex").as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hex") as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn rule(row: &Value) -> Rule {
    let ports = row[1].as_array().map(|ports| {
        let port = |at: usize| ports[at].as_u64().expect("a port") as u16;
        (port(0), port(1))
    });
    let prefix = |text: &Value| Prefix::parse(text.as_str().expect("text")).expect("a prefix");
    Rule {
        protocol: row[0].as_u64().map(|protocol| protocol as u8),
        ports,
        destinations: row[2].as_array().expect("destinations").iter().map(prefix).collect(),
        allows: row[3].as_bool().expect("whether it allows"),
    }
}

fn filter(value: &Value) -> Option<Filter> {
    let rules = |name: &str| value[name].as_array().expect("rules").iter().map(rule).collect();
    (!value.is_null()).then(|| Filter { outbound: rules("outbound"), inbound: rules("inbound") })
}

#[test]
fn the_scenarios_of_the_specification() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../zerogo/test/vectors/filters.json");
    let scenarios: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    let scenarios = scenarios.as_array().expect("scenarios");
    assert!(scenarios.len() > 10);
    for scenario in scenarios {
        let mut gate = Gate::default();
        gate.set_filter(1, filter(&scenario["filter"]));
        for (at, step) in scenario["steps"].as_array().expect("steps").iter().enumerate() {
            let Some(way) = step["way"].as_str() else {
                gate.set_filter(1, filter(&step["filter"]));
                continue;
            };
            let direction = if way == "out" { Direction::Out } else { Direction::In };
            let now = (step["at"].as_f64().expect("seconds") * SECOND as f64) as u64;
            let passes = gate.lets_pass(1, direction, &subject_of(&bytes(&step["frame"])), now);
            assert_eq!(Some(passes), step["passes"].as_bool(), "{}: step {at}", scenario["name"]);
        }
    }
}

/// A frame from node 1 to node 2 with its virtio header; TCP larger than a segment is a super-frame.
fn frame(protocol: u8, port: u16, payload: usize) -> Vec<u8> {
    let headers = if protocol == TCP { 54 } else { 42 };
    let mut vnet = Vnet { flags: NEEDS_CHECKSUM, checksum_start: 34, checksum_offset: 6, ..Vnet::default() };
    if protocol == TCP {
        vnet.checksum_offset = 16;
        (vnet.gso_type, vnet.gso_size) = if payload > 1400 { (GSO_TCPV4, 1400) } else { (0, 0) };
    }
    let mut frame = vnet.emit().to_vec();
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 1]);
    frame.extend(port.to_be_bytes());
    frame.resize(VNET_BYTES + headers + payload, 0);
    let length = (frame.len() - VNET_BYTES - 14) as u16;
    frame[VNET_BYTES + 16..VNET_BYTES + 18].copy_from_slice(&length.to_be_bytes());
    if protocol == TCP {
        frame[VNET_BYTES + 46..VNET_BYTES + 48].copy_from_slice(&[0x50, 0x10]);
    } else {
        frame[VNET_BYTES + 38..VNET_BYTES + 40].copy_from_slice(&(length - 20).to_be_bytes());
    }
    frame
}

fn only(protocol: u8) -> Vec<Rule> {
    vec![Rule { protocol: Some(protocol), ports: None, destinations: Vec::new(), allows: true }]
}

#[test]
fn the_sender_asks_before_it_seals_and_once_per_super_frame() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    nodes[0].obey(Verb::SetFilter(1, Some(Filter { outbound: only(UDP), inbound: Vec::new() })), 0);
    assert_eq!(carry(&mut nodes, &frame(UDP, 7, 20)).len(), 1);
    for (at, size) in [100, 40_000, 40_000].into_iter().enumerate() {
        assert!(carry(&mut nodes, &frame(TCP, 7, size)).is_empty());
        assert_eq!(nodes[0].count(Counter::DroppedPolicyOut), at as u64 + 1);
    }
    nodes[0].obey(Verb::SetFilter(1, None), 0);
    assert_eq!(carry(&mut nodes, &frame(TCP, 7, 40_000)).len(), 1);
}

#[test]
fn the_receiver_asks_after_it_opened_and_once_per_merged_run() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    nodes[1].obey(Verb::SetFilter(1, Some(Filter { outbound: Vec::new(), inbound: only(TCP) })), 0);
    assert_eq!(carry(&mut nodes, &frame(TCP, 7, 40_000)).len(), 1);
    assert_eq!(nodes[1].shared.gate().flows(), 1);
    assert!(carry(&mut nodes, &frame(UDP, 7, 20)).is_empty());
    nodes[1].obey(Verb::SetFilter(1, Some(Filter::default())), 0);
    assert!(carry(&mut nodes, &frame(TCP, 7, 40_000)).is_empty());
    assert_eq!(nodes[1].count(Counter::DroppedPolicyIn), 2);
    assert_eq!(nodes[1].shared.gate().flows(), 0);
}

#[test]
fn a_filter_goes_with_its_peer() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    nodes[0].obey(Verb::SetFilter(1, Some(Filter { outbound: only(UDP), inbound: Vec::new() })), 0);
    carry(&mut nodes, &frame(UDP, 7, 20));
    assert_eq!(nodes[0].shared.gate().flows(), 1);
    nodes[0].obey(Verb::RemovePeer(1), 0);
    assert_eq!(nodes[0].shared.gate().flows(), 0);
    nodes[0].obey(Verb::SetFilter(9, Some(Filter::default())), 0);
}

#[test]
fn what_waits_for_a_session_is_judged_again_when_it_goes() {
    let mut nodes = pair([ALL, ALL], Suite::AesGcm, 1472);
    nodes[0].obey(Verb::RetireSession(1), 0);
    assert!(nodes[0].emit(&frame(UDP, 7, 20), 1).is_empty());
    nodes[0].obey(Verb::SetFilter(1, Some(Filter::default())), 0);
    assert!(nodes[0].emit(&frame(UDP, 7, 20), 1).is_empty());
    assert_eq!(nodes[0].count(Counter::DroppedPolicyOut), 1);
    nodes[0].obey(Verb::AddSession(1, harness::parts(1, true, Suite::AesGcm)), 0);
    assert_eq!(nodes[0].count(Counter::DroppedPolicyOut), 2);
}
