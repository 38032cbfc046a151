import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const REPLACED = /Dom\/dynamicCSS(\.js)?$/;

/**
 * Ant Design writes its styles into <style> elements, which a policy without 'unsafe-inline' refuses. All of them go
 * through one module; the build takes src/app/adoptedStyles.ts for it, which uses constructed style sheets.
 */
export function strictStyles(): Plugin {
  const own = fileURLToPath(new URL("../src/app/adoptedStyles.ts", import.meta.url));
  return {
    name: "zerogo:strict-styles",
    apply: "build",
    enforce: "pre",
    resolveId: (source) => (REPLACED.test(source) ? own : null),
  };
}
