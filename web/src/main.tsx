import { createRoot } from "react-dom/client";
import { askEarly } from "./api/session";
import { App } from "./app/App";
import { startTexts } from "./app/i18n";
import "./app/global.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
askEarly();
await startTexts();
createRoot(root).render(<App />);
