/** The address without a page: the overview of the network that was looked at last, or of the first one. */
import { Navigate } from "react-router";
import { useNetworks } from "@/api/queries";
import { QueryState } from "@/components/QueryState";
import { lastNetwork } from "./lastNetwork";
import { networkPath, networksPath } from "./paths";

export function Start() {
  const networks = useNetworks();
  return (
    <QueryState query={networks}>
      {(known) => {
        const network = known.find((one) => one.id === lastNetwork()) ?? known[0];
        return <Navigate to={network ? networkPath(network.id, "overview") : networksPath} replace />;
      }}
    </QueryState>
  );
}
