import type { Core } from "cytoscape";

const PADDING = 40;
/** A few nodes are not blown up to fill the page. */
const LARGEST = 1.15;

/** Shows the whole drawing. */
export function fit(core: Core): void {
  core.fit(undefined, PADDING);
  if (core.zoom() > LARGEST) {
    core.zoom(LARGEST);
    core.center();
  }
}
