"""The HTML pages of the stand-in, in English and in German.

Structure after what Web Enrollment sends: the element ids, the numbers, the
file names in links and the parameter names are the real ones, because clients
read those; the sentences are ours. The error page repeats the request in a
comment, as the real one does, so it is much longer than it looks.
"""

import html

from judge import HRESULTS

TEXTS = {
    'en': {
        'home': 'Home', 'issued': 'Certificate Issued', 'issued_info': 'Here is your certificate.',
        'download': 'Download the certificate', 'chain': 'Download the chain',
        'pending': 'Certificate Pending', 'pending_info': 'The request has arrived. A manager '
        'of the certification authority has to decide on it first.',
        'id': 'Your Request Id is %d.', 'wait': 'Come back in a day or two.',
        'days': 'Come back with this browser within 10 days.',
        'denied': 'Certificate Request Denied', 'denied_info': 'The request was denied.',
        'reason': 'Your Request Id is %d. The disposition message is "%s".',
        'error': 'Error', 'error_info': 'The request failed on the server.',
        'admin': 'Ask your administrator.', 'mode': 'Request Mode:', 'disp': 'Disposition:',
        'message': 'Disposition message:', 'result': 'Result:', 'com': 'COM Error Info:',
        'last': 'LastStatus:', 'cause': 'Suggested Cause:', 'none': 'No suggestions.',
        'taken': 'Taken Under Submission', 'by_policy': 'Denied by Policy Module %s',
        'by_officer': 'Denied by EXAMPLE\\ca-manager', 'failed': 'Error processing the request %s',
        'ok': 'The operation completed successfully.', 'unknown': '(unknown)',
        'incomplete': 'Incomplete', 'done': 'Issued', 'cacert': 'Download a CA certificate'},
    'de': {
        'home': 'Startseite', 'issued': 'Zertifikat ausgestellt',
        'issued_info': 'Hier ist Ihr Zertifikat.', 'download': 'Zertifikat herunterladen',
        'chain': 'Zertifikatkette herunterladen', 'pending': 'Zertifikat steht noch aus',
        'pending_info': 'Die Anforderung ist eingegangen. Zun\u00e4chst mu\u00df die '
        'Zertifizierungsstelle dar\u00fcber entscheiden.',
        'id': 'Die Anforderungs-ID lautet %d.',
        'wait': 'Kommen Sie in 1 bis 2 Tagen zur\u00fcck.',
        'days': 'R\u00fcckkehr mit diesem Browser innerhalb von 10 Tagen.',
        'denied': 'Zertifikatanforderung verweigert',
        'denied_info': 'Die Anforderung wurde verweigert.',
        'reason': 'Die Anforderungs-ID lautet %d. Die Verf\u00fcgungsmeldung ist "%s".',
        'error': 'Fehler', 'error_info': 'Die Anforderung ist auf dem Server fehlgeschlagen.',
        'admin': 'Fragen Sie Ihren Administrator.', 'mode': 'Anforderungsmodus:',
        'disp': 'Verf\u00fcgung:', 'message': 'Verf\u00fcgungsmeldung:', 'result': 'Ergebnis:',
        'com': 'COM-Fehler:', 'last': 'Letzter Status:', 'cause': 'M\u00f6gliche Ursache:',
        'none': 'Keine Vorschl\u00e4ge.', 'taken': '\u00dcbernommen, noch ohne Entscheidung',
        'by_policy': 'Verweigert vom Richtlinienmodul %s',
        'by_officer': 'Verweigert von EXAMPLE\\ca-manager',
        'failed': 'Fehler beim Verarbeiten der Anforderung %s',
        'ok': 'Der Vorgang wurde erfolgreich beendet.', 'unknown': '(unbekannt)',
        'incomplete': 'Unvollst\u00e4ndig', 'done': 'Ausgestellt',
        'cacert': 'Zertifizierungsstellenzertifikat herunterladen'}}


def status_text(hresult, words):
    """'Words. 0x80094014 (-2146877420 SYMBOL)'."""
    if not hresult:
        return words['ok'] + ' 0x0 (WIN32: 0)'
    symbol, text = HRESULTS.get(hresult, ('', ''))
    return '%s 0x%08x (%d%s)' % (text, hresult, hresult - (1 << 32),
                                 ' ' + symbol if symbol else '')


def frame(words, title, body, ca_name):
    return ('<HTML>\r\n<Head>\r\n<Meta HTTP-Equiv="Content-Type" Content="text/html; '
            'charset=%%CHARSET%%">\r\n<Title>Certificate Services</Title>\r\n</Head>\r\n'
            '<Body BgColor=#FFFFFF><Font ID=locPageFont Face="Arial">\r\n'
            '<Table Border=0 Width=100%%><TR><TD><LocID ID=locMSCertSrv>Certificate Services &nbsp;'
            '--&nbsp; %s</LocID></TD><TD ID=locHomeAlign Align=Right><A Href="/certsrv">'
            '<LocID ID=locHomeLink>%s</LocID></A></TD></TR></Table>\r\n'
            '<P ID=locPageTitle> <B> %s </B>\r\n%s\r\n</Font>\r\n</Body>\r\n</HTML>\r\n'
            % (html.escape(ca_name), words['home'], title, body))


def issued(words, request_id, ca_name):
    links = ''.join('<P><A Href="certnew.%s?ReqID=%d&amp;Enc=%s"><LocID ID=%s>%s (%s)</LocID></A>'
                    '\r\n' % (kind, request_id, enc, loc, words[text], enc)
                    for kind, text, loc in (('cer', 'download', 'locDownloadCert3'),
                                            ('p7b', 'chain', 'locDownloadCertChain3'))
                    for enc in ('bin', 'b64'))
    script = ('<Script Language="JavaScript">\r\nvar nReqId=%d;\r\nfunction handleGetCert() { '
              'location="certnew.cer?ReqID=%d&"+getEncoding(); }\r\n</Script>'
              % (request_id, request_id))
    return frame(words, words['issued'],
                 '<P ID=locInfo> %s</P>\r\n%s%s' % (words['issued_info'], links, script), ca_name)


def pending(words, request_id, ca_name):
    body = ('<P ID=locInfoNewReq> %s </P>\r\n\r\n<P ID=locInfoReqID>\r\n%s\r\n</P>\r\n\r\n'
            '<P ID=locInstructions> %s</P>\r\n<P ID=locTimeoutWarning><Font Size=-1> %s</Font></P>'
            % (words['pending_info'], words['id'] % request_id, words['wait'], words['days']))
    return frame(words, words['pending'], body, ca_name)


def denied(words, request_id, message, ca_name):
    body = ('<P ID=locDenied> %s</P>\r\n<P ID=locInfoReqIDandReason>\r\n%s\r\n</P>\r\n'
            '<P ID=locContactAdmin>%s</P>' % (words['denied_info'], words['reason']
                                              % (request_id, html.escape(message)),
                                              words['admin']))
    return frame(words, words['denied'], body, ca_name)


def error(words, mode, disposition, message, result, last, ca_name, echo=''):
    names = {0: 'incomplete', 1: 'error', 3: 'done'}
    rows = (('locModeLabel', 'mode', '%s <LocID ID=locModeSpacer>-</LocID>' % mode),
            ('locDispLabel', 'disp', '\r\n\t\t%X <LocID ID=locDispSpacer>-</LocID> \r\n\t\t\t'
             '<LocID ID=locDispUnknown>%s</LocID>' % (disposition, words[names.get(disposition,
                                                                            'unknown')])),
            ('locDispMsgLabel', 'message', '\r\n\t\t\t%s' % html.escape(message)),
            ('locResultLabel', 'result', '\r\n\t\t%s' % html.escape(status_text(result, words))),
            ('locComInfoLabel', 'com', ''),
            ('locLastStatLabel', 'last', '\r\n\t\t\t%s' % html.escape(status_text(last, words))),
            ('locSugCauseLabel', 'cause', '\r\n\t\t\t<LocID ID=locSugCauseUnknown>%s</LocID>'
             % words['none']))
    table = ''.join('<DT ID=%s><Font Size=-1><B>%s</B></Font></DT><DD>%s\r\n\t</DD>\r\n'
                    % (loc, words[text], value) for loc, text, value in rows)
    body = ('%s<P ID=locContactAdmin>%s</P>\r\n<DL><DD><DL>\r\n%s</DL></DD></DL>\r\n%s'
            % ('<P ID=locReqFailed> %s</P>\r\n' % words['error_info'] if mode == 'newreq' else '',
               words['admin'], table,
               '<!--\r\n<Pre>\r\n%s\r\n</Pre>\r\n-->' % html.escape(echo) if echo else ''))
    return frame(words, words['error'], body, ca_name)


def ca_certs(words, renewals, ca_name):
    body = ('<Script Language="JavaScript">\r\nvar nRenewals=%d;\r\n</Script>\r\n'
            '<P><A Href="certnew.cer?ReqID=CACert&amp;Renewal=%d&amp;Enc=bin">%s</A>'
            % (renewals, renewals, words['cacert']))
    return frame(words, words['cacert'], body, ca_name)
