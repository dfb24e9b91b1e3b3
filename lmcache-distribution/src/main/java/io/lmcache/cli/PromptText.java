package io.lmcache.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The beginning of a text, checked to be one.
 *
 * @param name where it came from, for people
 * @param head its first bytes
 * @param hasMore whether there are more, which were not read
 */
record PromptText(String name, byte[] head, boolean hasMore) {
    private static final String REMEDY = "; name a text file in UTF-8, or - for standard input";

    static PromptText ofFile(Path file, int limit) throws IOException {
        if (!Files.exists(file)) {
            throw new BadTextException("There is no file " + file + REMEDY);
        }
        if (Files.isDirectory(file)) {
            throw new BadTextException(file + " is a directory" + REMEDY);
        }
        if (!Files.isReadable(file)) {
            throw new BadTextException(file + " is not readable for this user" + REMEDY);
        }
        try (InputStream in = Files.newInputStream(file)) {
            return read(file.toString(), in, limit);
        }
    }

    /** Reads no more than it needs. */
    static PromptText read(String name, InputStream in, int limit) throws IOException {
        byte[] bytes = in.readNBytes(limit + 1);
        PromptText text =
                new PromptText(name, Arrays.copyOf(bytes, Math.min(bytes.length, limit)), bytes.length > limit);
        text.check();
        return text;
    }

    private void check() throws BadTextException {
        CharBuffer decoded = CharBuffer.allocate(head.length);
        ByteBuffer bytes = ByteBuffer.wrap(head);
        // Where the head was cut off, the last character may lack its end.
        boolean malformed = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .decode(bytes, decoded, !hasMore)
                .isError();
        if (malformed) {
            throw new BadTextException(name + " is no UTF-8 text: byte " + bytes.position() + " begins no character"
                    + "; convert it, or name another file");
        }
        String text = decoded.flip().toString();
        if (text.indexOf('\0') >= 0) {
            throw new BadTextException(name + " is binary: it has a zero byte" + REMEDY);
        }
        if (text.isBlank()) {
            throw new BadTextException(name + " holds no text: it is empty or blank" + REMEDY);
        }
    }
}
