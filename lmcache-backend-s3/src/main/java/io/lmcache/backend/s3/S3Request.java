package io.lmcache.backend.s3;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.crt.http.HttpRequestBodyStream;
import software.amazon.awssdk.crt.s3.S3MetaRequestOptions.MetaRequestType;

/**
 * One request to the store.
 *
 * @param type whether the client may split it
 * @param operation its name for the client
 * @param method the HTTP method
 * @param path name and query, as they are written on the wire, behind the bucket
 * @param headers further headers
 * @param body what is sent
 * @param into where the payload of the answer goes; empty for the answer itself
 */
record S3Request(
        MetaRequestType type,
        String operation,
        String method,
        String path,
        Map<String, String> headers,
        Optional<HttpRequestBodyStream> body,
        Optional<MemorySegment> into) {

    /** The first bytes of an object. */
    static S3Request head(String name, int bytes) {
        return new S3Request(
                MetaRequestType.DEFAULT,
                "GetObject",
                "GET",
                name,
                Map.of("Range", "bytes=0-" + (bytes - 1)),
                Optional.empty(),
                Optional.empty());
    }

    /** The bytes of an object from that offset on, as many as the segment has: several requests where they are many. */
    static S3Request read(String name, long offset, MemorySegment into) {
        return new S3Request(
                MetaRequestType.GET_OBJECT,
                "GetObject",
                "GET",
                name,
                Map.of("Range", "bytes=" + offset + "-" + (offset + into.byteSize() - 1)),
                Optional.empty(),
                Optional.of(into));
    }

    /** Writes an object: in parts where it is large, and visible at once and whole in any case. */
    static S3Request write(String name, HttpRequestBodyStream body, boolean isOnlyIfAbsent) {
        return new S3Request(
                MetaRequestType.PUT_OBJECT,
                "PutObject",
                "PUT",
                name,
                isOnlyIfAbsent ? Map.of("If-None-Match", "*") : Map.of(),
                Optional.of(body),
                Optional.empty());
    }

    static S3Request delete(String name) {
        return new S3Request(
                MetaRequestType.DEFAULT, "DeleteObject", "DELETE", name, Map.of(), Optional.empty(), Optional.empty());
    }

    /**
     * Some names with a prefix that has nothing to escape but slashes.
     *
     * @param token where the page before ended, escaped; empty for the first page
     */
    static S3Request list(String prefix, int most, String token) {
        return new S3Request(
                MetaRequestType.DEFAULT,
                "ListObjectsV2",
                "GET",
                "?list-type=2&max-keys=" + most + "&prefix=" + prefix.replace("/", "%2F")
                        + (token.isEmpty() ? "" : "&continuation-token=" + token),
                Map.of(),
                Optional.empty(),
                Optional.empty());
    }
}
