import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createCache, StyleProvider } from "@ant-design/cssinjs";
import { configure, fireEvent, render, type RenderResult } from "@testing-library/react";
import userEvent, { PointerEventsCheckLevel } from "@testing-library/user-event";
import { App, ConfigProvider } from "antd";
import type { ReactElement } from "react";
import { createMemoryRouter, RouterProvider } from "react-router";
import { SessionProvider } from "@/api/session";
import { startTexts } from "@/app/i18n";
import { PreferencesProvider } from "@/app/preferences";

// The machine may be busy. What hides an element is not asked when elements are found by role: it takes jsdom long.
configure({ defaultHidden: true, asyncUtilTimeout: 10_000 });

/** A person, who does one thing right after the other. */
export const user = userEvent.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never });

/** Puts a text into a field at once. */
export function fill(field: HTMLElement, text: string): void {
  fireEvent.change(field, { target: { value: text } });
}

// jsdom has neither sizes nor pseudo-elements; Ant Design asks for both.
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
const computedStyle = window.getComputedStyle.bind(window);
window.getComputedStyle = (element) => computedStyle(element);

interface Shown extends RenderResult {
  cache: QueryClient;
  /** Where the page is. */
  address: () => string;
}

/** Shows a page at an address of the dashboard, in English, without animations and without style sheets. */
export async function renderPage(page: ReactElement, path: string, address: string): Promise<Shown> {
  await startTexts("en");
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Number.POSITIVE_INFINITY } } });
  const elsewhere = { path: "*", element: <p>elsewhere</p> };
  const router = createMemoryRouter([{ path, element: page }, elsewhere], { initialEntries: [address] });
  const result = render(
    <StyleProvider mock="server" cache={createCache()}>
      <PreferencesProvider>
        <ConfigProvider theme={{ token: { motion: false } }} wave={{ disabled: true }}>
          <App>
            <QueryClientProvider client={cache}>
              <SessionProvider>
                <RouterProvider router={router} />
              </SessionProvider>
            </QueryClientProvider>
          </App>
        </ConfigProvider>
      </PreferencesProvider>
    </StyleProvider>,
  );
  const where = () => router.state.location.pathname + router.state.location.search;
  return { ...result, cache, address: where };
}
