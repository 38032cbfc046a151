import { expect, test } from "vitest";
import { member } from "@/test/documents";
import { ipv4Room, takenAddresses } from "./ranges";

test("a range has room for all but the network and broadcast address", () => {
  expect(["10.0.0.0/20", "10.0.0.0/29", "10.0.0.0/30"].map(ipv4Room)).toEqual([4094, 6, 2]);
});

test("addresses are ordered as the numbers that they are", () => {
  const members = [
    member({ id: "a", addresses: ["10.0.0.10", "fd00::1:0"] }),
    member({ id: "b", addresses: ["10.0.0.9", "fd00::2"] }),
    member({ id: "c", addresses: ["9.200.0.1", "fd00:0:0:1::"] }),
  ];
  expect(takenAddresses(members).map(({ address }) => address)).toEqual([
    "9.200.0.1",
    "10.0.0.9",
    "10.0.0.10",
    "fd00::2",
    "fd00::1:0",
    "fd00:0:0:1::",
  ]);
});
