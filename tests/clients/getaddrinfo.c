/* getaddrinfo NAME: prints the IPv4 addresses that the C library finds, a line each. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words) {
    struct addrinfo wanted, *found, *each;
    char text[INET_ADDRSTRLEN];
    int error;

    if (count != 2) return 2;
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    if ((error = getaddrinfo(words[1], NULL, &wanted, &found))) {
        fprintf(stderr, "%s\n", gai_strerror(error));
        return 1;
    }
    for (each = found; each; each = each->ai_next) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)each->ai_addr)->sin_addr, text, sizeof text);
        puts(text);
    }
    return 0;
}
