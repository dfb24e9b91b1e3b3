package io.lmcache.api;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The text form of keys: printing, parsing, and the escape of RFC 3986 that keeps the two each other's inverse. */
final class KeyText {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final int FIXED_PARTS = 6;

    private KeyText() {}

    static String print(
            String model, int worldSize, int rank, KvLayout layout, SortedMap<String, String> tags, String hash) {
        StringBuilder text = new StringBuilder(160);
        escape(model, text);
        text.append('@').append(worldSize).append('@').append(rank);
        text.append('@').append(layout.dtype().text()).append('@').append(layout.fingerprint());
        text.append('@').append(hash);
        for (Map.Entry<String, String> tag : tags.entrySet()) {
            escape(tag.getKey(), text.append('@'));
            escape(tag.getValue(), text.append('='));
        }
        return text.toString();
    }

    static ChunkKey parse(String text) {
        try {
            ChunkKey key = parseParts(text.split("@", -1));
            if (key.text().equals(text)) {
                return key;
            }
        } catch (IllegalArgumentException | CharacterCodingException | LmcacheException e) {
            throw notAKey(text, String.valueOf(e.getMessage()), e);
        }
        throw notAKey(text, "it is not written in the one canonical way", null);
    }

    private static ChunkKey parseParts(String[] parts) throws CharacterCodingException {
        if (parts.length < FIXED_PARTS) {
            throw new IllegalArgumentException("it has " + parts.length + " parts, at least 6 are needed");
        }
        KvDtype dtype = KvDtype.ofText(parts[3])
                .orElseThrow(() -> new IllegalArgumentException("'" + parts[3] + "' is no dtype"));
        KvLayout layout = KvLayout.ofFingerprint(dtype, parts[4])
                .orElseThrow(() -> new IllegalArgumentException("'" + parts[4] + "' is no layout"));
        TreeMap<String, String> tags = new TreeMap<>();
        for (int i = FIXED_PARTS; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException("tag '" + parts[i] + "' has no '='");
            }
            tags.put(unescape(parts[i].substring(0, equals)), unescape(parts[i].substring(equals + 1)));
        }
        KeyScope scope =
                new KeyScope(unescape(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]), layout, tags);
        return new ChunkKey(scope, ChunkHash.ofHex(parts[5]));
    }

    private static LmcacheException notAKey(String text, String reason, @Nullable Throwable cause) {
        return new LmcacheException(ErrorCode.INVALID_ARGUMENT, "'" + text + "' is no chunk key: " + reason, cause);
    }

    static void requireName(String what, String value) {
        if (value.isEmpty()) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Key scope: the " + what + " is empty");
        }
        requireUnicode(what, value);
    }

    static void requireUnicode(String what, String value) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(value)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Key scope: the " + what + " has half of a surrogate pair, which no UTF-8 text can hold");
        }
    }

    private static void escape(String part, StringBuilder to) {
        for (byte b : part.getBytes(StandardCharsets.UTF_8)) {
            if (isUnreserved(b)) {
                to.append((char) b);
            } else {
                HEX.toHexDigits(to.append('%'), b);
            }
        }
    }

    private static boolean isUnreserved(byte b) {
        return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || "-_.~".indexOf(b) >= 0;
    }

    private static String unescape(String part) throws CharacterCodingException {
        ByteBuffer bytes = ByteBuffer.allocate(part.length() * 3);
        for (int i = 0; i < part.length(); i++) {
            if (part.charAt(i) == '%' && i + 3 <= part.length()) {
                bytes.put((byte) HexFormat.fromHexDigits(part, i + 1, i + 3));
                i += 2;
            } else {
                bytes.put(StandardCharsets.UTF_8.encode(CharBuffer.wrap(part, i, i + 1)));
            }
        }
        return StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .decode(bytes.flip())
                .toString();
    }
}
