//! The golden datagrams of docs/PROTOCOL.md, which the Python implementation reads too.

use std::sync::Arc;

use serde_json::Value;
use zerogo_core::aead::{Cipher, SessionCipher, Suite};
use zerogo_core::flow::flow_of;
use zerogo_core::peer::PeerShared;
use zerogo_core::session::{Session, SessionParts};
use zerogo_core::wire::{
    CONTROL, ETHERNET, ETHERNET_ELIDED, FLAG_PARTIAL, FLAG_VERIFIED, FRAGMENT, KEEPALIVE, LAST, emit_route,
    parse_forward, parse_forward_header, parse_fragment, parse_header, sealed_at,
};

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../zerogo/test/vectors/golden.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the golden datagrams")).expect("JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex").as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hex") as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn plaintext(entry: &Value) -> Vec<u8> {
    let kind = match entry["kind"].as_str().expect("a kind") {
        "KEEPALIVE" => KEEPALIVE,
        "ETHERNET" => ETHERNET,
        "ETHERNET_ELIDED" => ETHERNET_ELIDED,
        "FRAGMENT" => FRAGMENT,
        "CONTROL" => CONTROL,
        other => panic!("{other}"),
    };
    let flag = |name: &str, bit: u8| if entry[name].as_bool().expect("a flag") { bit } else { 0 };
    let first = kind | flag("checksum_partial", FLAG_PARTIAL) | flag("checksum_verified", FLAG_VERIFIED);
    let position = number(&entry["position"]) as u8 | flag("is_last", LAST);
    let mut plaintext = vec![first, number(&entry["band"]) as u8, number(&entry["run_id"]) as u8, position];
    plaintext.extend(bytes(&entry["payload"]));
    plaintext
}

#[test]
fn golden_datagrams_are_sealed_and_opened_to_the_byte() {
    let golden = golden();
    let entries = golden["transport"].as_array().expect("datagrams");
    assert!(entries.len() >= 8);
    for entry in entries {
        let datagram = bytes(&entry["datagram"]);
        let suite = Suite::from_number(number(&entry["suite"]) as u8).expect("a suite");
        let key: [u8; 32] = bytes(&entry["key"]).try_into().expect("32 bytes");
        let (index, counter) = parse_header(&datagram).expect("a header");
        assert_eq!((u64::from(index), counter), (number(&entry["receiver_index"]), number(&entry["counter"])));
        let cipher = SessionCipher::new(suite, &key);
        let header: [u8; 16] = datagram[..16].try_into().expect("16 bytes");
        let mut sealed = plaintext(entry);
        let tag = cipher.seal(counter, &header, &mut sealed);
        sealed.extend(tag);
        assert_eq!(sealed, datagram[16..], "{}", entry["name"]);
        let owner = Arc::new(PeerShared::new(1, [1; 10]));
        let parts = SessionParts {
            local_index: index,
            remote_index: 0,
            send_key: key.into(),
            receive_key: key.into(),
            suite,
            is_initiator: false,
        };
        let mut opened = datagram.clone();
        assert!(Session::new(&parts, owner, 0).open(&mut opened, counter), "{}", entry["name"]);
        assert_eq!(opened[16..opened.len() - 16], plaintext(entry));
    }
}

#[test]
fn sealed_headers_are_emitted_to_the_byte() {
    let golden = golden();
    let lone = golden["transport"].as_array().expect("datagrams").iter();
    for entry in lone.filter(|entry| number(&entry["counter"]) == 0 && number(&entry["lane"]) == 0) {
        let parts = SessionParts {
            local_index: 0,
            remote_index: number(&entry["receiver_index"]) as u32,
            send_key: <[u8; 32]>::try_from(bytes(&entry["key"])).expect("32 bytes").into(),
            receive_key: [0; 32].into(),
            suite: Suite::from_number(number(&entry["suite"]) as u8).expect("a suite"),
            is_initiator: true,
        };
        let session = Session::new(&parts, Arc::new(PeerShared::new(1, [1; 10])), 0);
        let mut slot = vec![0; 16];
        slot.extend(plaintext(entry));
        slot.extend([0; 16]);
        assert!(session.seal(&mut slot));
        assert_eq!(slot, bytes(&entry["datagram"]), "{}", entry["name"]);
    }
}

#[test]
fn golden_fragments_are_read() {
    let golden = golden();
    let entries = golden["transport"].as_array().expect("datagrams").iter();
    let mut seen = 0;
    for entry in entries.filter(|entry| entry["kind"] == "FRAGMENT") {
        let payload = bytes(&entry["payload"]);
        let fragment = parse_fragment(&payload).expect("a fragment");
        let expected = &entry["fragment"];
        assert_eq!(u64::from(fragment.frame_id), number(&expected["frame_id"]));
        assert_eq!(u64::from(fragment.position), number(&expected["position"]));
        assert_eq!(Some(fragment.is_last), expected["is_last"].as_bool());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn golden_frames_are_in_their_bands() {
    let golden = golden();
    let entries = golden["bands"].as_array().expect("frames");
    assert!(entries.len() >= 8);
    for entry in entries {
        let frame = bytes(&entry["frame"]);
        assert_eq!(u64::from(flow_of(&frame, frame.len()).band), number(&entry["band"]), "{}", entry["name"]);
    }
}

#[test]
fn golden_forwards_are_sealed_and_opened_to_the_byte() {
    let golden = golden();
    let entries = golden["forwards"].as_array().expect("datagrams");
    assert!(entries.len() >= 3);
    for entry in entries {
        let (datagram, carried) = (bytes(&entry["datagram"]), bytes(&entry["carried"]));
        let (index, counter, start) = parse_forward_header(&datagram).expect("a header");
        assert_eq!((u64::from(index), counter), (number(&entry["receiver_index"]), number(&entry["counter"])));
        let key: [u8; 32] = bytes(&entry["key"]).try_into().expect("32 bytes");
        let parts = SessionParts {
            local_index: index,
            remote_index: index,
            send_key: key.into(),
            receive_key: key.into(),
            suite: Suite::from_number(number(&entry["suite"]) as u8).expect("a suite"),
            is_initiator: true,
        };
        let session = Session::new(&parts, Arc::new(PeerShared::new(1, [1; 10])), 0);
        let mut opened = datagram.clone();
        assert!(session.open_from(start, &mut opened, counter), "{}", entry["name"]);
        let forward = parse_forward(&opened[..opened.len() - 16], start).expect("a FORWARD");
        let nodes: Vec<[u8; 10]> =
            entry["route"].as_array().expect("ids").iter().map(|id| bytes(id).try_into().expect("an id")).collect();
        assert_eq!(forward.nodes, &nodes[..]);
        assert_eq!(
            (forward.position as u64, u64::from(forward.band)),
            (number(&entry["position"]), number(&entry["band"]))
        );
        assert_eq!([forward.first, &opened[16..forward.size]].concat(), carried);
        let (route, length) = emit_route(forward.position, forward.band, forward.nodes);
        let mut slot = [&carried[..], &carried[..16], &route[..length], &[0; 16]].concat();
        while session.sent() < counter {
            session.seal(&mut [0; 36]);
        }
        assert!(session.seal_forward(&mut slot, sealed_at(carried[0], carried.len())));
        assert_eq!(slot, datagram, "{}", entry["name"]);
    }
}
