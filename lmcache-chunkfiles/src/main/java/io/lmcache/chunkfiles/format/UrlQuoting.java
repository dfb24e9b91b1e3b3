package io.lmcache.chunkfiles.format;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Python's {@code urllib.parse.quote(text, safe="")} and its inverse: every byte of the text's UTF-8 but letters, digits
 * and {@code _.-~} becomes {@code %XX}. Stateless and thread-safe.
 */
final class UrlQuoting {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    private UrlQuoting() {}

    static String quote(String text) {
        StringBuilder quoted = new StringBuilder(text.length() + 16);
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (isSafe(b)) {
                quoted.append((char) b);
            } else {
                HEX.toHexDigits(quoted.append('%'), b);
            }
        }
        return quoted.toString();
    }

    private static boolean isSafe(byte b) {
        return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || "_.-~".indexOf(b) >= 0;
    }

    /**
     * The text that is quoted so.
     *
     * @throws CharacterCodingException when no text is quoted so
     */
    static String unquote(String quoted) throws CharacterCodingException {
        ByteBuffer bytes = ByteBuffer.allocate(quoted.length());
        for (int i = 0; i < quoted.length(); i++) {
            char c = quoted.charAt(i);
            if (c != '%') {
                requireText(c < 0x80 && isSafe((byte) c));
                bytes.put((byte) c);
            } else {
                requireText(i + 2 < quoted.length()
                        && HexFormat.isHexDigit(quoted.charAt(i + 1))
                        && HexFormat.isHexDigit(quoted.charAt(i + 2)));
                bytes.put((byte) HexFormat.fromHexDigits(quoted, i + 1, i + 3));
                i += 2;
            }
        }
        return StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .decode(bytes.flip())
                .toString();
    }

    private static void requireText(boolean isText) throws CharacterCodingException {
        if (!isText) {
            throw new CharacterCodingException();
        }
    }
}
