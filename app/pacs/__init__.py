"""Other machines' archives: query, retrieve, send, and a listener. No Qt.

Beside the model manager this is the only door to a network, and it is narrow: nothing here connects unless the reader asked for
it, and only to hosts that the reader entered as nodes. Redirects, proxies and answers that name other hosts are not followed.
"""
