/**
 * Addresses. They stand behind "#", so that the same files work below any path prefix and the controller needs no rule
 * for each page.
 */
import { createHashRouter, Navigate, type RouteObject } from "react-router";
import { domains, type DomainRoute } from "./domain";
import { NotFoundPage, PageError } from "./PageError";
import { Start } from "./Start";
import { Shell } from "./shell/Shell";

function routeOf(route: DomainRoute): RouteObject {
  const prefix = route.scope === "network" ? "/n/:network/" : "/";
  return {
    path: prefix + route.path,
    lazy: async () => ({ Component: (await route.page()).default }),
    errorElement: <PageError />,
  };
}

export const router = createHashRouter([
  {
    path: "/",
    element: <Shell />,
    hydrateFallbackElement: <div aria-busy="true" />,
    errorElement: <PageError />,
    children: [
      { index: true, element: <Start /> },
      { path: "/n/:network", element: <Navigate to="overview" replace /> },
      ...domains.flatMap((domain) => domain.routes.map(routeOf)),
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
