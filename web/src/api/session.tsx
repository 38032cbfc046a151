/**
 * Who is logged in. A session that ended while somebody works is not a new page: `isExpired` puts the login above what
 * is there, so that what was typed is kept.
 */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { answer, api, onSessionEnded, setCsrfToken } from "./client";
import type { Me, Role, Session } from "./documents";
import { Problem } from "./problem";

interface SessionState {
  /** null: nobody is; undefined: not known yet. */
  user: Me | null | undefined;
  isExpired: boolean;
  /** Why the API could not say who is logged in. */
  problem: Problem | null;
  /** `code` is of the second factor, where the user has one. */
  logIn: (name: string, password: string, code?: string) => Promise<void>;
  logOut: () => Promise<void>;
  /** The API does not know our session any more. */
  expire: () => void;
  retry: () => void;
}

let early: Promise<Session> | null = null;

/** Asks who is logged in before the first page is drawn, which then need not wait for it; whether somebody is. */
export async function askEarly(): Promise<boolean> {
  early = askSession();
  // Why not is told to the provider, which asks for it.
  return early.then(
    () => true,
    () => false,
  );
}

function askSession(): Promise<Session> {
  return answer(api.GET("/auth/session"));
}

const SessionContext = createContext<SessionState | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [user, setUser] = useState<Me | null | undefined>(undefined);
  const [isExpired, setExpired] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const opened = useCallback((session: Session) => {
    setCsrfToken(session.csrf_token);
    setUser(session.user);
    setExpired(false);
    setProblem(null);
  }, []);

  const ask = useCallback(() => {
    const asked = early ?? askSession();
    early = null;
    asked
      .then(opened)
      .catch((error: unknown) => {
        const found = Problem.ofUnknown(error);
        const isNobody = found.status === 401 || found.status === 404;
        if (isNobody) setUser(null);
        setProblem(isNobody ? null : found);
      });
  }, [opened]);

  useEffect(ask, [ask]);
  const expire = useCallback(() => setExpired(true), []);
  useEffect(() => {
    onSessionEnded(expire);
    return () => onSessionEnded(() => undefined);
  }, [expire]);

  const logIn = useCallback(
    async (name: string, password: string, code = "") => {
      const session = await answer(api.POST("/auth/session", { body: { name, password, code } }));
      const isAnother = user !== null && user !== undefined && user.id !== session.user.id;
      if (isAnother) cache.clear();
      opened(session);
      // What failed while nobody was logged in is asked again; the rest is as good as it was.
      await cache.invalidateQueries({ predicate: (query) => query.state.status === "error" });
    },
    [cache, opened, user],
  );

  const logOut = useCallback(async () => {
    await answer(api.DELETE("/auth/session")).catch((error: unknown) => {
      if (Problem.ofUnknown(error).status !== 401) throw error;
    });
    setCsrfToken(null);
    setUser(null);
    setExpired(false);
    cache.clear();
  }, [cache]);

  const state = useMemo(
    () => ({ user, isExpired: isExpired && user !== null, problem, logIn, logOut, expire, retry: ask }),
    [user, isExpired, problem, logIn, logOut, expire, ask],
  );
  return <SessionContext value={state}>{children}</SessionContext>;
}

export function useSession(): SessionState {
  const state = useContext(SessionContext);
  if (state === null) throw new Error("SessionProvider is missing");
  return state;
}

const RANKS: readonly Role[] = ["user", "auditor", "operator", "admin", "owner"];

/** Whether a role may do what needs another one. */
export function mayRole(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && RANKS.indexOf(role) >= RANKS.indexOf(needed);
}

/** Whether who is logged in may do what needs this role; what they may not do is not offered. */
export function useMay(needed: Role): boolean {
  return mayRole(useSession().user?.role, needed);
}
