/** The live connection for pages: it runs while somebody is logged in. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import { LiveConnection, type LiveState } from "./live";
import { useSession } from "./session";

const LiveContext = createContext<LiveConnection | null>(null);

export function LiveProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const { user, isExpired, expire } = useSession();
  const connection = useMemo(() => new LiveConnection(cache, expire), [cache, expire]);
  const isWanted = Boolean(user) && !isExpired;
  useEffect(() => {
    if (!isWanted) return;
    connection.start();
    return () => connection.stop();
  }, [connection, isWanted]);
  return <LiveContext value={connection}>{children}</LiveContext>;
}

function useConnection(): LiveConnection {
  const connection = useContext(LiveContext);
  if (connection === null) throw new Error("LiveProvider is missing");
  return connection;
}

export function useLiveState(): LiveState {
  const connection = useConnection();
  return useSyncExternalStore(connection.subscribe, () => connection.state);
}

/** When the API was last heard, in Unix milliseconds, as of the last change of state. */
export function useHeardAt(): number | null {
  const connection = useConnection();
  useLiveState();
  return connection.heardAt;
}
