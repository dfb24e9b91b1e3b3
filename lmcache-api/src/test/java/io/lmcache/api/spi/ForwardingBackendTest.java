package io.lmcache.api.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ForwardingBackendTest {
    private final List<Method> called = new ArrayList<>();
    private final StorageBackend wrapper = new ForwardingBackend((StorageBackend) Proxy.newProxyInstance(
            StorageBackend.class.getClassLoader(), new Class<?>[] {StorageBackend.class}, (_, method, _) -> {
                called.add(method);
                return null;
            })) {};

    static Stream<Method> methodsOfABackend() {
        return Arrays.stream(StorageBackend.class.getMethods())
                .filter(method -> !Modifier.isStatic(method.getModifiers()));
    }

    /** Those that have a default, too: the one of the backend inside is meant. */
    @ParameterizedTest
    @MethodSource("methodsOfABackend")
    void passesOnThatCallAndNoOther(Method method) throws Exception {
        method.invoke(wrapper, new Object[method.getParameterCount()]);
        assertThat(called).containsExactly(method);
    }
}
