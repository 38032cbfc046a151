/** The line that a machine joins with. */

/** The command for a shell; in quotes, because a shell takes the question mark for a pattern. */
export function joinCommand(url: string): string {
  return `sudo zerogo join '${url}'`;
}

/**
 * The join URL with the network's pre-shared key in its fragment, which is never sent to a server: the browser adds it
 * after the controller has answered (docs/PROTOCOL.md, "Join token").
 */
export function withNetworkSecret(url: string, secret: string): string {
  return `${url}#${secret}`;
}
