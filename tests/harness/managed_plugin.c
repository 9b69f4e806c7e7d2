/* Plugins in one file, to be linked statically: a volume driver (directories below /state/volumes), a log driver (what
   it gets is appended to /state/log), and an authorization plugin (which denies a URI with "forbidden"). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SIZE 65536

static void text_of(const char *body, const char *key, char *text) {
    const char *at = strstr(body, key);
    size_t length = at ? strcspn(at + strlen(key), "\"") : 0;
    if (length > 200) length = 0;
    if (at) memcpy(text, at + strlen(key), length);
    text[length] = 0;
}

/* In a process of its own, until the writer has closed. */
static void follow(const char *file) {
    if (fork()) return;
    char piece[4096];
    int from = open(file, O_RDONLY), to = open("/state/log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    for (ssize_t got; (got = read(from, piece, sizeof piece)) > 0;)
        if (write(to, piece, got) < 0) break;
    _exit(0);
}

static void answer(const char *path, const char *body, char *out) {
    char name[256], place[512];
    struct stat found;
    text_of(body, "\"Name\":\"", name);
    snprintf(place, sizeof place, "/state/volumes/%s", name);
    if (strstr(path, "Plugin.Activate")) strcpy(out, "{\"Implements\":[\"VolumeDriver\",\"LogDriver\",\"authz\"]}");
    else if (strstr(path, "AuthZPlugin.")) {
        text_of(body, "\"RequestUri\":\"", name);
        int denied = strstr(name, "forbidden") != 0;
        sprintf(out, "{\"Allow\":%s,\"Msg\":\"%s\",\"Err\":\"\"}", denied ? "false" : "true", denied ? "not that" : "");
    } else if (strstr(path, "LogDriver.")) {
        text_of(body, "\"File\":\"", name);
        if (strstr(path, ".StartLogging")) follow(name);
        strcpy(out, "{\"Err\":\"\"}");
    }
    else if (strstr(path, ".Capabilities")) strcpy(out, "{\"Capabilities\":{\"Scope\":\"local\"}}");
    else if (strstr(path, ".Create")) {
        mkdir(place, 0755);
        strcpy(out, "{\"Err\":\"\"}");
    } else if (stat(place, &found)) strcpy(out, "{\"Err\":\"no such volume\"}");
    else if (strstr(path, ".Remove")) {
        char command[600];
        snprintf(command, sizeof command, "%s/file", place);
        unlink(command);
        rmdir(place);
        strcpy(out, "{\"Err\":\"\"}");
    } else if (strstr(path, ".Get"))
        sprintf(out, "{\"Volume\":{\"Name\":\"%s\",\"Mountpoint\":\"%s\",\"Status\":{\"set\":\"%s\"}},\"Err\":\"\"}", name,
                place, getenv("FLAVOUR") ? getenv("FLAVOUR") : "");
    else if (strstr(path, ".Unmount")) strcpy(out, "{\"Err\":\"\"}");
    else sprintf(out, "{\"Mountpoint\":\"%s\",\"Err\":\"\"}", place);
}

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    signal(SIGTERM, _exit); /* the first process of a namespace has no default for it */
    static char in[SIZE], out[SIZE], head[256];
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    strcpy(where.sun_path, "/run/docker/plugins/mini.sock");
    mkdir("/state/volumes", 0755);
    unlink(where.sun_path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (void *)&where, sizeof where) || listen(server, 16)) return 3;
    for (;;) {
        int client = accept(server, 0, 0);
        size_t have = 0;
        char *body = 0;
        for (;;) {
            ssize_t got = read(client, in + have, SIZE - 1 - have);
            if (got <= 0) break;
            have += got;
            in[have] = 0;
            char *length = strcasestr(in, "content-length:");
            if ((body = strstr(in, "\r\n\r\n")) && length && in + have - body - 4 >= atol(length + 15)) break;
        }
        if (body) {
            answer(in, body + 4, out);
            int size = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(out));
            if (write(client, head, size) < 0 || write(client, out, strlen(out)) < 0) perror("write");
        }
        close(client);
    }
}
