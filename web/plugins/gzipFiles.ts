import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSED = /\.(html|js|css|svg|json)$/;

/** Puts a .gz beside each text file of the build, so that the controller never compresses. */
export function gzipFiles(): Plugin {
  return {
    name: "zerogo:gzip-files",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const [fileName, output] of Object.entries(bundle)) {
          if (!COMPRESSED.test(fileName)) continue;
          const content = output.type === "chunk" ? output.code : output.source;
          this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gzipSync(content, { level: 9 }) });
        }
      },
    },
  };
}
