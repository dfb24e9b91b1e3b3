package io.lmcache.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * SIGTERM and SIGINT as the wish that a command comes to its end, which it then reaches as any other: with its last words
 * and its own exit status, where the JVM would have 128 and the number of the signal. Stateless.
 */
final class EndSignals {
    private static final List<String> NAMES = List.of("TERM", "INT");

    private EndSignals() {}

    /**
     * From now on these signals run this instead of ending the JVM.
     *
     * @return whether they do: a JVM that was started with {@code -Xrs} leaves signals alone
     */
    static boolean handle(Runnable end) {
        // By name: the module jdk.unsupported exports the classes, but javac's warning about them cannot be suppressed.
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object ending = Proxy.newProxyInstance(
                    EndSignals.class.getClassLoader(), new Class<?>[] {handler}, (self, method, arguments) -> {
                        switch (method.getName()) {
                            case "handle" -> end.run();
                            case "hashCode" -> {
                                return System.identityHashCode(self);
                            }
                            case "equals" -> {
                                return self == arguments[0];
                            }
                            default -> {
                                return "end";
                            }
                        }
                        return null;
                    });
            for (String name : NAMES) {
                signal.getMethod("handle", signal, handler)
                        .invoke(null, signal.getConstructor(String.class).newInstance(name), ending);
            }
            return true;
        } catch (InvocationTargetException e) {
            return false;
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("every JDK has these classes", e);
        }
    }
}
