/**
 * Where nodes stand. Nothing is simulated: places follow from who is there, so the picture is the same each time it is
 * opened and does not move when numbers change. Up to `CIRCLE_MOST` nodes stand on one circle, in which a mesh is easiest
 * to read, the groups beside each other; more of them stand in a disc for each group, and the discs on a circle.
 */
import { grouped } from "@/components/grouped";

export interface Place {
  x: number;
  y: number;
}

interface Placed {
  id: string;
  group: string;
  /** How many members it stands for. */
  count: number;
}

const CIRCLE_MOST = 36;
const CIRCLE_SPACING = 84;
const FOLDED_SPACING = 170;
const SPACING = 64;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

export function layOut(nodes: readonly Placed[]): Map<string, Place> {
  const sorted = nodes.toSorted((one, other) => compare(one.group, other.group) || compare(one.id, other.id));
  return sorted.length <= CIRCLE_MOST ? circle(sorted) : discs(sorted);
}

/** Known places stay; who is new stands in the widest gap of the circle, or at the edge of its group's disc. */
export function layOutMore(nodes: readonly Placed[], known: ReadonlyMap<string, Place>): Map<string, Place> {
  const fresh = nodes.filter((node) => !known.has(node.id));
  const isOther = known.size === 0 || fresh.length > nodes.length / 2;
  if (isOther) return layOut(nodes);
  const places = new Map(nodes.flatMap((node) => entry(node.id, known.get(node.id))));
  for (const node of fresh) places.set(node.id, beside(node, nodes, places));
  return places;
}

function entry(id: string, place: Place | undefined): [string, Place][] {
  return place ? [[id, place]] : [];
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function circle(nodes: readonly Placed[]): Map<string, Place> {
  const around = nodes.reduce((sum, node) => sum + (node.count > 1 ? FOLDED_SPACING : CIRCLE_SPACING), 0);
  const radius = Math.max(120, around / (2 * Math.PI));
  // Two stand side by side; of more, the first stands at the top.
  const begin = nodes.length === 2 ? Math.PI : -Math.PI / 2;
  const at = (place: number) => polar(radius, (place / nodes.length) * 2 * Math.PI + begin);
  return new Map(nodes.map((node, place) => [node.id, nodes.length === 1 ? { x: 0, y: 0 } : at(place)]));
}

function discs(nodes: readonly Placed[]): Map<string, Place> {
  const groups = [...grouped(nodes, (node) => node.group).values()];
  const radii = groups.map((group) => discRadius(group.length));
  const around = radii.reduce((sum, radius) => sum + 2 * radius + SPACING, 0);
  const widest = Math.max(...radii);
  const ring = groups.length === 1 ? 0 : Math.max(around / (2 * Math.PI), widest + SPACING);
  const places = new Map<string, Place>();
  let turned = 0;
  groups.forEach((group, index) => {
    const share = (2 * (radii[index] ?? 0) + SPACING) / around;
    const centre = polar(ring, (turned + share / 2) * 2 * Math.PI - Math.PI / 2);
    turned += share;
    group.forEach((node, place) => {
      const spot = polar(SPACING * 0.62 * Math.sqrt(place), place * GOLDEN_ANGLE);
      places.set(node.id, { x: centre.x + spot.x, y: centre.y + spot.y });
    });
  });
  return places;
}

function discRadius(count: number): number {
  return SPACING * 0.62 * Math.sqrt(count) + SPACING / 2;
}

function beside(node: Placed, nodes: readonly Placed[], places: ReadonlyMap<string, Place>): Place {
  if (nodes.length <= CIRCLE_MOST) return inWidestGap([...places.values()]);
  const group = nodes.flatMap((one) => (one.group === node.group ? (places.get(one.id) ?? []) : []));
  const centre = mean(group.length > 0 ? group : [...places.values()]);
  const spot = polar(SPACING * 0.62 * Math.sqrt(group.length + 1), group.length * GOLDEN_ANGLE);
  return { x: centre.x + spot.x, y: centre.y + spot.y };
}

function inWidestGap(places: readonly Place[]): Place {
  const centre = mean(places);
  const angles = places.map((place) => Math.atan2(place.y - centre.y, place.x - centre.x)).sort((a, b) => a - b);
  const radius = Math.max(120, ...places.map((place) => Math.hypot(place.x - centre.x, place.y - centre.y)));
  let best = { from: 0, width: 0 };
  angles.forEach((from, index) => {
    const next = angles[index + 1] ?? (angles[0] ?? 0) + 2 * Math.PI;
    if (next - from > best.width) best = { from, width: next - from };
  });
  const spot = polar(radius, best.from + best.width / 2);
  return { x: centre.x + spot.x, y: centre.y + spot.y };
}

function mean(places: readonly Place[]): Place {
  const sum = places.reduce((total, one) => ({ x: total.x + one.x, y: total.y + one.y }), { x: 0, y: 0 });
  const count = Math.max(1, places.length);
  return { x: sum.x / count, y: sum.y / count };
}

function polar(radius: number, angle: number): Place {
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}
