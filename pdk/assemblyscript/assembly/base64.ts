/** Base64, in which bytes that are no text travel through JSON. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bytes as base64 text, padded. */
export function encode(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (<u32>bytes[i] << 16) | (left > 1 ? <u32>bytes[i + 1] << 8 : 0) | (left > 2 ? <u32>bytes[i + 2] : 0);
    text += DIGITS.charAt(group >> 18) + DIGITS.charAt((group >> 12) & 63);
    text += left > 1 ? DIGITS.charAt((group >> 6) & 63) : "=";
    text += left > 2 ? DIGITS.charAt(group & 63) : "=";
  }
  return text;
}

/** The bytes of padded base64 text. */
export function decode(text: string): Uint8Array {
  let end = text.length;
  while (end && text.charAt(end - 1) == "=") end--;
  const bytes = new Uint8Array((end * 3) >> 2);
  let group: u32 = 0;
  for (let i = 0, at = 0; i < end; i++) {
    group = (group << 6) | DIGITS.indexOf(text.charAt(i));
    if (i & 3) bytes[at++] = <u8>(group >> ((3 - (i & 3)) << 1));
  }
  return bytes;
}
