import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { startTexts } from "./app/i18n";
import "./app/global.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
await startTexts();
createRoot(root).render(<App />);
