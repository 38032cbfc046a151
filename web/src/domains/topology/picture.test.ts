import { expect, test } from "vitest";
import { linkKey } from "@/api/links";
import { member } from "@/test/documents";
import { link } from "@/test/links";
import { layOut, layOutMore } from "./layout";
import { foldedAtFirst, groupNode, pictureOf } from "./picture";

const many = (count: number, tags = 0) =>
  Array.from({ length: count }, (_, number) =>
    member({ id: `m${number}`, name: `m${number}`, is_online: true, tags: tags ? [`t${number % tags}`] : [] }),
  );
const all = { hidden: new Set<never>(), folded: new Set<string>(), chosen: null };

test("all pairs of a large network are never drawn, and what is wrong with it always is", () => {
  const members = many(200);
  const links = members.flatMap((one, place) =>
    members.slice(place + 1).map((other) => link(one.id, other.id, { path: other.id === "m199" ? "none" : "direct" })),
  );
  const picture = pictureOf({ members, links, ...all });
  expect(picture.links).toBe(19_900);
  expect(picture.edges.length).toBe(1500);
  expect(picture.edges.filter((edge) => edge.path === "none")).toHaveLength(199);
  const ofOne = pictureOf({ members, links, ...all, chosen: "m7" }).edges;
  expect(ofOne.filter((edge) => edge.source === "m7" || edge.target === "m7").length).toBeGreaterThanOrEqual(199);
});

test("a large network is drawn by groups, if it has some", () => {
  const members = many(300, 5);
  const folded = foldedAtFirst(members);
  expect([...folded].sort()).toEqual(["t0", "t1", "t2", "t3", "t4"]);
  const links = [link("m0", "m1"), link("m5", "m6", { path: "relay" }), link("m10", "m11"), link("m0", "m5")];
  const picture = pictureOf({ members, links, ...all, folded });
  expect(picture.nodes.map((node) => node.count)).toEqual([60, 60, 60, 60, 60]);
  expect(picture.edges).toHaveLength(1);
  expect(picture.edges[0]).toMatchObject({ count: 3, path: "direct", kinds: { direct: 2, relay: 1 }, link: null });
  expect(foldedAtFirst(many(300)).size).toBe(0);
  expect(foldedAtFirst(many(20, 5)).size).toBe(0);
});

test("hidden kinds, and links of members that are kept out, are not drawn", () => {
  const members = [...many(2), member({ id: "x", state: "blocked" })];
  const links = [link("m0", "m1", { path: "relay" }), link("m0", "x")];
  expect(pictureOf({ members, links, ...all }).edges.map((edge) => edge.id)).toEqual([linkKey("m0", "m1")]);
  expect(pictureOf({ members, links, ...all, hidden: new Set(["relay" as const]) }).edges).toEqual([]);
});

test("a path that is not known here is drawn as such", () => {
  const [edge] = pictureOf({ members: many(2), links: [link("m0", "m1", { path: "carrier-pigeon" })], ...all }).edges;
  expect(edge?.path).toBe("unknown");
});

test.each([1, 2, 12, 36, 37, 200, 1000])("%i nodes stand apart from each other", (count) => {
  const nodes = many(count, 7).map(({ id, tags }) => ({ id, group: tags[0] ?? "", count: 1 }));
  const places = [...layOut(nodes).values()];
  expect(places).toHaveLength(count);
  const taken = new Set(places.map((place) => `${Math.round(place.x / 20)} ${Math.round(place.y / 20)}`));
  expect(taken.size).toBe(count);
  expect(layOut(nodes.toReversed())).toEqual(layOut(nodes));
});

test("who comes moves nobody", () => {
  const nodes = many(12).map(({ id }) => ({ id, group: "", count: 1 }));
  const before = layOut(nodes);
  const after = layOutMore([...nodes, { id: "new", group: "", count: 1 }], before);
  for (const node of nodes) expect(after.get(node.id)).toEqual(before.get(node.id));
  expect(after.has("new")).toBe(true);
  const left = layOutMore(nodes.slice(3), before);
  expect([...left.keys()]).toEqual(nodes.slice(3).map((node) => node.id));
});

test("a group and its members never have the same name", () => {
  expect(groupNode("m0")).not.toBe("m0");
});
