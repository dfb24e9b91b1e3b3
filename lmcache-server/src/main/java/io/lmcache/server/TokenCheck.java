package io.lmcache.server;

import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.posix.LocalUser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Objects;

/** Lets calls through that bring the token; TCP does not say who calls. Immutable and thread-safe. */
final class TokenCheck implements ServerInterceptor {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final String SCHEME = "Bearer ";
    private static final int MIN_CHARACTERS = 16;
    private static final int MAX_BYTES = 4096;

    private final byte[] expected;

    private TokenCheck(String token) {
        this.expected = (SCHEME + token).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Reads the token.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when others may know it, or guess it
     */
    static TokenCheck read(Path file) {
        try {
            Map<String, Object> attributes =
                    Files.readAttributes(file, "unix:isRegularFile,uid,mode,size", LinkOption.NOFOLLOW_LINKS);
            boolean isPrivate = Objects.equals(attributes.get("uid"), LocalUser.id())
                    && attributes.get("mode") instanceof Integer mode
                    && (mode & 077) == 0;
            if (!Boolean.TRUE.equals(attributes.get("isRegularFile")) || !isPrivate) {
                throw failed(
                        file, "it has to be a plain file of the server's user that nobody else may read (mode 600)");
            }
            if (attributes.get("size") instanceof Long size && size > MAX_BYTES) {
                throw failed(file, "it has " + size + " bytes, a token has " + MAX_BYTES + " at most");
            }
            String token = Files.readString(file).strip();
            if (token.length() < MIN_CHARACTERS) {
                throw failed(file, "it has " + token.length() + " characters, a token needs " + MIN_CHARACTERS);
            }
            return new TokenCheck(token);
        } catch (IOException e) {
            throw failed(file, e.toString());
        }
    }

    private static LmcacheException failed(Path file, String reason) {
        return new LmcacheException(ErrorCode.START_FAILED, "The token file " + file + " cannot be used: " + reason);
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        String given = Objects.requireNonNullElse(headers.get(AUTHORIZATION), "");
        // In a time that does not tell how much of it is right.
        if (MessageDigest.isEqual(expected, given.getBytes(StandardCharsets.UTF_8))) {
            return next.startCall(call, headers);
        }
        call.close(
                Status.UNAUTHENTICATED.withDescription(
                        "Calls over TCP need the token of the server's --token-file, as authorization: Bearer TOKEN"),
                new Metadata());
        return new ServerCall.Listener<>() {};
    }
}
