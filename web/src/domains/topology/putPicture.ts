/** Makes the drawing what the picture says, touching only what differs: numbers change all the time, nodes seldom. */
import type { Core, ElementDefinition } from "cytoscape";
import { lineWidth, nodeSize } from "./graphStyle";
import type { Place } from "./layout";
import type { Picture } from "./picture";

const DENSE_FROM = 160;

/** Whether nodes came or went in such numbers that the whole has to be looked at anew. */
export function putPicture(core: Core, picture: Picture, places: ReadonlyMap<string, Place>): boolean {
  const wanted = new Map<string, ElementDefinition>();
  for (const node of picture.nodes) {
    const data = { ...node, size: nodeSize(node.count) };
    wanted.set(node.id, { group: "nodes", data, position: { ...(places.get(node.id) ?? { x: 0, y: 0 }) } });
  }
  for (const edge of picture.edges) {
    wanted.set(edge.id, { group: "edges", data: { ...edge, width: lineWidth(edge.bytesPerSecond) } });
  }
  const before = core.nodes().length;
  let fresh = 0;
  core.batch(() => {
    core.elements().forEach((element) => {
      const next = wanted.get(element.id());
      if (next === undefined) {
        element.remove();
        return;
      }
      wanted.delete(element.id());
      change(element, next.data);
    });
    const added = [...wanted.values()];
    fresh = added.filter((one) => one.group === "nodes").length;
    core.add(added);
    // Where there are many, what is as it should be steps back.
    core.edges().toggleClass("dense", picture.edges.length > DENSE_FROM);
  });
  return fresh > before / 4;
}

interface Changeable {
  data(name: string, value?: unknown): unknown;
}

function change(element: Changeable, data: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(data)) {
    if (name !== "id" && name !== "source" && name !== "target" && element.data(name) !== value) {
      element.data(name, value);
    }
  }
}
