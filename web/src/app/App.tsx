/**
 * Who is logged in decides what is loaded: the login is small and drawn without Ant Design, so that it stands there at
 * once; all that is inside is one piece, which is loaded while somebody types.
 */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { Problem } from "@/api/problem";
import { SessionProvider, useSession } from "@/api/session";
import { LoginPage } from "./login/LoginPage";
import { Unreachable } from "./login/Unreachable";
import { PreferencesProvider } from "./preferences";

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // The live connection keeps what was read as it is; nothing is asked for again because time went by.
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 3 && isPassing(Problem.ofUnknown(error)),
    },
  },
});

/** Whether the same request may succeed a little later. */
function isPassing(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

const loadInside = () => import("./Inside");
const Inside = lazy(loadInside);
/** After which the login is drawn, and the rest may be loaded. */
const DRAWN_MILLISECONDS = 400;
const KNOWN_AS = "zerogo.was-inside";

/** Loads the rest as soon as somebody is known to be logged in; who was inside in this browser probably still is. */
export function loadEarly(isLoggedIn: Promise<boolean>): void {
  if (localStorage.getItem(KNOWN_AS) !== null) void loadInside();
  else void isLoggedIn.then((is) => (is ? loadInside() : null));
}

export function App() {
  return (
    <PreferencesProvider>
      <QueryClientProvider client={cache}>
        <SessionProvider>
          <Entrance />
        </SessionProvider>
      </QueryClientProvider>
    </PreferencesProvider>
  );
}

function Entrance() {
  const { user, problem } = useSession();
  const isKnown = user !== undefined;
  const isInside = Boolean(user);
  useEffect(() => {
    if (!isKnown) return;
    if (isInside) localStorage.setItem(KNOWN_AS, "");
    else localStorage.removeItem(KNOWN_AS);
    const timer = setTimeout(() => void loadInside(), DRAWN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [isKnown, isInside]);
  if (problem !== null && !isKnown) return <Unreachable />;
  if (!isKnown) return <div aria-busy="true" />;
  if (!isInside) return <LoginPage />;
  return (
    <Suspense fallback={<div aria-busy="true" />}>
      <Inside />
    </Suspense>
  );
}
