import { CheckOutlined, CopyOutlined } from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "./CopyText.module.css";

const SHOWN_MILLISECONDS = 1500;

/** Text that people take elsewhere, with a button that copies it. */
export function CopyText({ text, isBlock = false }: { text: string; isBlock?: boolean }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const label = t(isCopied ? "action.copied" : "action.copy");
  return (
    <span className={isBlock ? styles.block : styles.inline}>
      <span className={`code ${styles.text}`}>{text}</span>
      <Tooltip title={label}>
        <Button
          type="text"
          size="small"
          aria-label={label}
          icon={isCopied ? <CheckOutlined /> : <CopyOutlined />}
          onClick={() => void copy(text).then(() => setCopied(true))}
        />
      </Tooltip>
    </span>
  );
}

/** The clipboard is only there on https and localhost; elsewhere the text is selected and copied the old way. */
async function copy(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
