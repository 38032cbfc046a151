import { expect, test } from "vitest";
import { base32, isNetworkSecret, newNetworkSecret } from "./networkSecret";

test("base32 is that of RFC 4648, section 10, in small letters and without padding", () => {
  const vectors = { f: "my", fo: "mzxq", foo: "mzxw6", foob: "mzxw6yq", fooba: "mzxw6ytb", foobar: "mzxw6ytboi" };
  for (const [text, encoded] of Object.entries(vectors)) {
    expect(base32(new TextEncoder().encode(text))).toBe(encoded);
  }
});

test("a new secret has the form of one, and each is another", () => {
  const secrets = Array.from({ length: 50 }, newNetworkSecret);
  expect(secrets.filter((one) => !isNetworkSecret(one))).toEqual([]);
  expect(new Set(secrets).size).toBe(50);
});

test("what lost or gained a character is no secret", () => {
  const secret = newNetworkSecret();
  expect(isNetworkSecret(secret.toUpperCase())).toBe(true);
  for (const wrong of [secret.slice(1), `${secret}a`, `1${secret.slice(1)}`, `${secret.slice(0, -1)}b`, ""]) {
    expect(isNetworkSecret(wrong)).toBe(false);
  }
});
