//! IP networks.

use std::net::IpAddr;

/// An IP network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    network: IpAddr,
    bits: u32,
}

/// The bits of an address that a prefix of `bits` does not name are shifted out.
fn head(address: IpAddr, bits: u32) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()).checked_shr(32 - bits).unwrap_or(0),
        IpAddr::V6(v6) => v6.to_bits().checked_shr(128 - bits).unwrap_or(0),
    }
}

impl Prefix {
    /// Read `10.20.0.0/24`; an address alone is itself.
    pub fn parse(text: &str) -> Option<Self> {
        let (network, bits) = text.split_once('/').map_or((text, None), |(network, bits)| (network, Some(bits)));
        let network: IpAddr = network.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { network, bits })
    }

    /// Whether an address is within.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && head(self.network, self.bits) == head(address, self.bits)
    }
}
