//! What may pass to and from each peer: its filter, and the flows that were opened under it (docs/PROTOCOL.md, 13).
//!
//! Both threads of a plane ask it, once per frame or super-frame, and only about peers that have a filter.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::decisions::{Decided, Decisions, UNREADABLE};
use crate::fdb::PeerNumber;
use crate::flowtable::{FlowKey, FlowTable};
use crate::prefix::Prefix;
use crate::subject::{Parties, Subject, has_ports};
use crate::time::Nanos;

/// Rules in one direction of a filter.
pub const RULES_LIMIT: usize = 128;
/// Prefixes in all rules of one direction together.
pub const DESTINATIONS_LIMIT: usize = 1024;

/// One line of a filter; it matches a packet whose every part that it names is as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// IP protocol number, or any.
    pub protocol: Option<u8>,
    /// Lowest and highest destination port; of packets without ports none matches.
    pub ports: Option<(u16, u16)>,
    /// Where the destination has to be; empty: anywhere.
    pub destinations: Vec<Prefix>,
    /// Whether what matches may pass.
    pub allows: bool,
}

impl Rule {
    fn is_open(&self) -> bool {
        self.protocol.is_none() && self.ports.is_none() && self.destinations.is_empty()
    }

    fn matches(&self, protocol: u8, destination: (IpAddr, u16)) -> bool {
        self.protocol.is_none_or(|wanted| wanted == protocol)
            && self.ports.is_none_or(|(low, high)| has_ports(protocol) && (low..=high).contains(&destination.1))
            && (self.destinations.is_empty() || self.destinations.iter().any(|prefix| prefix.contains(destination.0)))
    }
}

/// What may be opened between us and one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What we may open towards the peer.
    pub outbound: Vec<Rule>,
    /// What the peer may open towards us.
    pub inbound: Vec<Rule>,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the peer.
    Out,
    /// From the peer.
    In,
}

impl Filter {
    fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Out => &self.outbound,
            Direction::In => &self.inbound,
        }
    }

    fn allows(&self, direction: Direction, protocol: u8, destination: (IpAddr, u16)) -> bool {
        let rule = self.rules(direction).iter().find(|rule| rule.matches(protocol, destination));
        rule.is_some_and(|rule| rule.allows)
    }

    fn allows_other(&self, direction: Direction) -> bool {
        self.rules(direction).iter().find(|rule| rule.is_open()).is_some_and(|rule| rule.allows)
    }
}

fn key_of(peer: PeerNumber, direction: Direction, parties: &Parties) -> FlowKey {
    let (near, far) = match direction {
        Direction::Out => (parties.source, parties.destination),
        Direction::In => (parties.destination, parties.source),
    };
    FlowKey { peer, protocol: parties.protocol, near, far }
}

/// The filters of a plane, and its flows.
#[derive(Debug, Default)]
pub struct Gate {
    filters: HashMap<PeerNumber, Filter>,
    flows: FlowTable,
    decisions: Option<Decisions>,
}

impl Gate {
    /// Count what is decided from now on, or do not; what was counted is forgotten.
    pub fn set_decision_log(&mut self, is_on: bool) {
        self.decisions = is_on.then(Decisions::default);
    }

    /// What was decided since this was asked last.
    pub fn take_decisions(&mut self) -> Vec<Decided> {
        self.decisions.as_mut().map(Decisions::take).unwrap_or_default()
    }

    /// Hold a peer's frames against this filter; flows that it would not have let be opened end.
    pub fn set_filter(&mut self, peer: PeerNumber, filter: Option<Filter>) {
        self.flows.retain(peer, |key, is_ours| {
            let (direction, destination) = if is_ours { (Direction::Out, key.far) } else { (Direction::In, key.near) };
            filter.as_ref().is_some_and(|filter| filter.allows(direction, key.protocol, destination))
        });
        match filter {
            Some(filter) => self.filters.insert(peer, filter),
            None => self.filters.remove(&peer),
        };
    }

    /// Whether what a frame is to a filter may pass.
    pub fn lets_pass(&mut self, peer: PeerNumber, direction: Direction, subject: &Subject, now: Nanos) -> bool {
        let Some(filter) = self.filters.get(&peer) else {
            return true;
        };
        let passes = match subject {
            Subject::Malformed => false,
            Subject::Free => true,
            Subject::NotIp => filter.allows_other(direction),
            Subject::Flow(parties) => {
                let key = key_of(peer, direction, parties);
                if self.flows.passes(&key, now) {
                    return true;
                }
                let is_allowed = filter.allows(direction, parties.protocol, parties.destination);
                if is_allowed {
                    self.flows.open(key, direction == Direction::Out, now);
                    self.count(peer, direction, subject, true);
                }
                is_allowed
            }
            Subject::Alone(parties) => filter.allows(direction, parties.protocol, parties.destination),
            Subject::Error(parties, quoted) => {
                let way = if direction == Direction::Out { Direction::In } else { Direction::Out };
                quoted.is_some_and(|quoted| self.flows.knows(&key_of(peer, way, &quoted), now))
                    || filter.allows(direction, parties.protocol, parties.destination)
            }
        };
        if !passes {
            self.count(peer, direction, subject, false);
        }
        passes
    }

    fn count(&mut self, peer: PeerNumber, direction: Direction, subject: &Subject, is_opened: bool) {
        let Some(decisions) = &mut self.decisions else {
            return;
        };
        let (protocol, port) = match subject {
            Subject::Malformed | Subject::Free | Subject::NotIp => (UNREADABLE, 0),
            Subject::Flow(parties) | Subject::Alone(parties) | Subject::Error(parties, _) => {
                let port = if has_ports(parties.protocol) { parties.destination.1 } else { 0 };
                (u16::from(parties.protocol), port)
            }
        };
        decisions.add(peer, direction == Direction::Out, (protocol, port), is_opened);
    }

    /// How many flows are held.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{TCP, UDP};
    use crate::subject::subject_of;

    const HERE: [u8; 4] = [10, 0, 0, 1];
    const THERE: [u8; 4] = [10, 0, 0, 2];

    fn packet(protocol: u8, from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]);
        frame.extend([from.0, to.0].concat());
        frame.extend([from.1.to_be_bytes(), to.1.to_be_bytes()].concat());
        frame.extend([0; 16]);
        frame
    }

    fn rule(protocol: u8, ports: Option<(u16, u16)>, destinations: &[&str], allows: bool) -> Rule {
        let destinations = destinations.iter().map(|text| Prefix::parse(text).expect("a prefix")).collect();
        Rule { protocol: Some(protocol), ports, destinations, allows }
    }

    fn gate(outbound: Vec<Rule>, inbound: Vec<Rule>) -> Gate {
        let mut gate = Gate::default();
        gate.set_filter(1, Some(Filter { outbound, inbound }));
        gate
    }

    fn passes(gate: &mut Gate, peer: PeerNumber, direction: Direction, frame: &[u8]) -> bool {
        gate.lets_pass(peer, direction, &subject_of(frame), 0)
    }

    #[test]
    fn what_was_opened_is_answered_and_nothing_else() {
        let mut gate = gate(vec![rule(TCP, Some((80, 81)), &[], true)], Vec::new());
        let (out, back) = (packet(TCP, (HERE, 999), (THERE, 80)), packet(TCP, (THERE, 80), (HERE, 999)));
        assert!(!passes(&mut gate, 1, Direction::In, &back));
        assert!(passes(&mut gate, 1, Direction::Out, &out));
        assert!(passes(&mut gate, 1, Direction::In, &back));
        assert!(!passes(&mut gate, 1, Direction::In, &packet(TCP, (THERE, 80), (HERE, 998))));
        assert!(!passes(&mut gate, 1, Direction::Out, &packet(UDP, (HERE, 999), (THERE, 80))));
        assert!(!passes(&mut gate, 1, Direction::Out, &packet(TCP, (HERE, 999), (THERE, 82))));
        assert!(passes(&mut gate, 2, Direction::In, &back), "a peer without a filter");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = vec![rule(TCP, None, &["10.0.0.0/31"], false), rule(TCP, None, &["10.0.0.0/8"], true)];
        let mut gate = gate(rules, Vec::new());
        assert!(passes(&mut gate, 1, Direction::Out, &packet(TCP, (HERE, 1), (THERE, 1))));
        assert!(!passes(&mut gate, 1, Direction::Out, &packet(TCP, (HERE, 1), ([10, 0, 0, 0], 1))));
        assert!(!passes(&mut gate, 1, Direction::Out, &packet(TCP, (HERE, 1), ([11, 0, 0, 0], 1))));
    }

    #[test]
    fn a_new_filter_ends_what_it_does_not_allow() {
        let both = vec![rule(TCP, None, &[], true)];
        let mut gate = gate(both.clone(), both.clone());
        let ours = packet(TCP, (HERE, 1), (THERE, 80));
        let theirs = packet(TCP, (THERE, 2), (HERE, 22));
        assert!(passes(&mut gate, 1, Direction::Out, &ours) && passes(&mut gate, 1, Direction::In, &theirs));
        gate.set_filter(1, Some(Filter { outbound: vec![rule(TCP, Some((80, 80)), &[], true)], inbound: Vec::new() }));
        assert_eq!(gate.flows(), 1);
        assert!(passes(&mut gate, 1, Direction::In, &packet(TCP, (THERE, 80), (HERE, 1))));
        assert!(!passes(&mut gate, 1, Direction::In, &theirs));
        assert!(!passes(&mut gate, 1, Direction::Out, &packet(TCP, (HERE, 22), (THERE, 2))));
        gate.set_filter(1, None);
        assert_eq!(gate.flows(), 0);
    }

    #[test]
    fn an_error_passes_where_it_quotes_a_flow() {
        let mut gate = gate(vec![rule(UDP, None, &[], true)], Vec::new());
        let sent = packet(UDP, (HERE, 5), (THERE, 6));
        let mut error = packet(1, ([10, 0, 0, 77], 0), (HERE, 0))[..34].to_vec();
        error.extend([3, 3, 0, 0, 0, 0, 0, 0]);
        error.extend(&sent[14..42]);
        assert!(!passes(&mut gate, 1, Direction::In, &error));
        assert!(passes(&mut gate, 1, Direction::Out, &sent));
        assert!(passes(&mut gate, 1, Direction::In, &error));
        assert!(!passes(&mut gate, 1, Direction::Out, &error), "it quotes what went that way itself");
    }

    #[test]
    fn only_an_open_rule_lets_pass_what_is_no_ip() {
        let open = |allows| Rule { protocol: None, ports: None, destinations: Vec::new(), allows };
        let strange = [&[2; 12][..], &[0x88, 0xb5], &[0; 46]].concat();
        let arp = [&[2; 12][..], &[8, 6], &[0; 28]].concat();
        for (rules, is_let) in [
            (vec![open(true)], true),
            (vec![open(false), open(true)], false),
            (vec![rule(TCP, None, &[], true)], false),
            (Vec::new(), false),
        ] {
            let mut gate = gate(rules, Vec::new());
            assert_eq!(passes(&mut gate, 1, Direction::Out, &strange), is_let);
            assert!(passes(&mut gate, 1, Direction::Out, &arp));
            assert!(!passes(&mut gate, 1, Direction::Out, &arp[..13]));
        }
    }

    #[test]
    fn prefixes_are_read_and_held_against_their_family() {
        let contains = |prefix: &str, address: &str| {
            Prefix::parse(prefix).expect("a prefix").contains(address.parse().expect("an address"))
        };
        assert!(contains("0.0.0.0/0", "255.1.2.3") && contains("::/0", "fd00::1") && contains("10.0.0.7", "10.0.0.7"));
        assert!(contains("10.0.0.6/31", "10.0.0.7") && !contains("10.0.0.6/32", "10.0.0.7"));
        assert!(contains("fd00::/8", "fdff::") && !contains("fd00::/8", "fe00::"));
        assert!(!contains("0.0.0.0/0", "::1") && !contains("::/0", "1.2.3.4"));
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "::/129", "x/8"] {
            assert_eq!(Prefix::parse(text), None, "{text}");
        }
    }
}
