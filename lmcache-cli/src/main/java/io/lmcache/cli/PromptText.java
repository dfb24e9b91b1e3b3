package io.lmcache.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The beginning of a text.
 *
 * @param name where it came from, for people
 * @param head what was read of it; not blank
 * @param hasMore whether there is more, which was not read
 */
record PromptText(String name, String head, boolean hasMore) {
    private static final String REMEDY = "; name a text file in UTF-8, or - for standard input";

    static PromptText ofFile(Path file, int limit) {
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
        } catch (IOException e) {
            throw new BadTextException(file + " cannot be read (" + e.getMessage() + ")" + REMEDY, e);
        }
    }

    /** Reads no more bytes than it needs to know whether there are more than {@code limit}. */
    static PromptText read(String name, InputStream in, int limit) {
        byte[] bytes = readHead(name, in, limit + 1);
        boolean hasMore = bytes.length > limit;
        String head = decode(name, ByteBuffer.wrap(bytes, 0, Math.min(bytes.length, limit)), hasMore);
        if (head.indexOf('\0') >= 0) {
            throw new BadTextException(name + " is binary, it has a zero byte" + REMEDY);
        }
        if (head.isBlank()) {
            throw new BadTextException(name + " holds no text, it is empty or blank" + REMEDY);
        }
        return new PromptText(name, head, hasMore);
    }

    private static byte[] readHead(String name, InputStream in, int bytes) {
        try {
            return in.readNBytes(bytes);
        } catch (IOException e) {
            throw new BadTextException(name + " cannot be read (" + e.getMessage() + ")" + REMEDY, e);
        }
    }

    private static String decode(String name, ByteBuffer bytes, boolean hasMore) {
        CharBuffer text = CharBuffer.allocate(bytes.remaining());
        // Where more follows, the last character may lack its end, and is left out.
        CoderResult result = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .decode(bytes, text, !hasMore);
        if (result.isError()) {
            throw new BadTextException(
                    name + " is binary or not UTF-8, no character begins with its byte " + bytes.position() + REMEDY);
        }
        return text.flip().toString();
    }
}
