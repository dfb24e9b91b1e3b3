package io.lmcache.backend.s3;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a server answers. Immutable and thread-safe, as long as the body is read by index.
 *
 * @param status the HTTP status
 * @param headers the headers by their names in lower case
 * @param body the answer, the XML of an error among them; empty where the payload went to memory
 */
record S3Reply(int status, Map<String, String> headers, ByteBuffer body) {
    private static final Pattern CODE = Pattern.compile("<Code>([^<]{1,100})</Code>");
    private static final Pattern RANGE = Pattern.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})");

    boolean isSuccess() {
        return status >= 200 && status < 300;
    }

    boolean isAbsent() {
        return status == 404 && !errorCode().equals("NoSuchBucket");
    }

    /** The object has fewer bytes than were asked for. */
    boolean isBeyondTheEnd() {
        return status == 416;
    }

    /** Something is there already, or is just about to be. */
    boolean isConflict() {
        return status == 412 || status == 409;
    }

    /** The body as text. */
    String text() {
        return StandardCharsets.UTF_8.decode(body.duplicate()).toString();
    }

    /** The server's word for what is wrong; empty when it has none. */
    String errorCode() {
        Matcher code = CODE.matcher(text());
        return code.find() ? code.group(1) : "";
    }

    /** The length of the whole object, where a part of it was asked for. */
    Optional<Long> objectBytes() {
        Matcher range = RANGE.matcher(headers.getOrDefault("content-range", ""));
        return range.matches() ? Optional.of(Long.parseLong(range.group(3))) : Optional.empty();
    }

    /** What went wrong, with what to do about it. */
    IOException failure(String operation) {
        String remedy = switch (status) {
            case 401, 403 ->
                "; allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (without the last, an absent"
                        + " chunk looks like a forbidden one)";
            case 404 -> "; make the bucket, or name another one in remote_url";
            case 301, 307, 400 -> "; check region and endpoint_url";
            default -> "";
        };
        return new IOException(
                operation + " is answered with " + status + (errorCode().isEmpty() ? "" : " " + errorCode()) + remedy);
    }

    @Override
    public String toString() {
        return "S3Reply[" + status + ", " + body.limit() + " bytes]";
    }
}
