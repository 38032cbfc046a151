/** Errors of the API (RFC 9457), and of getting there at all. `code` decides what people read; see problems.json. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(detail || code);
    this.name = "Problem";
  }

  /** The answer that was refused; whatever its body is. */
  static async of(response: Response): Promise<Problem> {
    const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
    const body: unknown = await response.json().catch(() => null);
    const text = (name: string): string => {
      const value = body && typeof body === "object" ? (body as Record<string, unknown>)[name] : null;
      return typeof value === "string" ? value : "";
    };
    const wait = Number.isFinite(retryAfter) ? retryAfter : null;
    return new Problem(response.status, text("code") || `http-${response.status}`, text("detail"), wait);
  }

  static ofUnknown(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof TypeError) return new Problem(0, "unreachable", "");
    return new Problem(0, "unexpected", error instanceof Error ? error.message : String(error));
  }
}
