import type { Core } from "cytoscape";
import { useEffect, useState } from "react";

/**
 * Whether somebody drags a node or the whole: only what is dragged moves then, and what changed meanwhile is drawn when
 * it is let go.
 */
export function useHeld(core: Core | null): boolean {
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    if (core === null) return;
    const take = () => setHeld(true);
    const letGo = () => setHeld(false);
    core.on("grab", "node", take);
    core.on("dragpan", take);
    window.addEventListener("pointerup", letGo);
    window.addEventListener("pointercancel", letGo);
    return () => {
      core.off("grab", "node", take);
      core.off("dragpan", take);
      window.removeEventListener("pointerup", letGo);
      window.removeEventListener("pointercancel", letGo);
    };
  }, [core]);
  return isHeld;
}
