import { Button, type ButtonProps } from "antd";
import { useHref, useLinkClickHandler } from "react-router";

type Props = Omit<ButtonProps, "href" | "onClick" | "target"> & { to: string };

/** A link that looks like a button: to another page of ours. */
export function LinkButton({ to, ...rest }: Props) {
  const follow = useLinkClickHandler<HTMLElement>(to);
  return <Button {...rest} href={useHref(to)} onClick={(event) => follow(event as React.MouseEvent<HTMLElement>)} />;
}
