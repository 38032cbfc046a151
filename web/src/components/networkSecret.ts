/** The pre-shared key of a network whose key the controller must not know (docs/PROTOCOL.md, "Join token"). */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const PSK_BYTES = 32;
/** The last of the 52 characters carries one bit only. */
const FORM = /^[a-z2-7]{51}[aq]$/;

/** 256 random bits in base32 (RFC 4648, no padding, small letters). */
export function newNetworkSecret(): string {
  return base32(crypto.getRandomValues(new Uint8Array(PSK_BYTES)));
}

/** Whether a text is such a key, in either case. */
export function isNetworkSecret(text: string): boolean {
  return FORM.test(text.toLowerCase());
}

/** Bytes as base32 without padding, in small letters. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((held >> bits) & 31);
    }
  }
  return bits > 0 ? text + ALPHABET.charAt((held << (5 - bits)) & 31) : text;
}
