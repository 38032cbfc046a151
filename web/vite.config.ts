import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { gzipFiles } from "./plugins/gzipFiles";
import { strictStyles } from "./plugins/strictStyles";

const controller = process.env.ZEROGO_CONTROLLER ?? "http://localhost:9394";

export default defineConfig({
  // Relative, so that the same files work below any path prefix.
  base: "./",
  plugins: [react(), strictStyles(), gzipFiles()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../web-static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    // Nothing is inlined as data: URLs, which the policy of the page would refuse for fonts.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What the login needs is one small piece; what all pages need beside it comes in few; the pages and the
            // larger widgets stay apart.
            { name: "login", test: /src\/main\.tsx/, priority: 2 },
            { name: "shell", test: /src\/(app|api|components)\/(?!TimeChart|decimated)/, priority: 1 },
            { name: "icons", test: /@ant-design\/icons/ },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    strictPort: true,
    // Host stays what the browser says: the controller compares it with Origin.
    proxy: { "/api": { target: controller, ws: true, changeOrigin: false } },
  },
});
